"""EXIF edited where it stands: nothing moves, so maker notes, which count bytes, stay readable."""

from __future__ import annotations

import struct
from collections.abc import Container
from typing import BinaryIO, Literal, NamedTuple

_ORIENTATION = 0x0112
_DETAILS, _GPS, _INTEROPERABILITY = 0x8769, 0x8825, 0xA005  # point to other directories
_WIDTHS, _HEIGHTS = (0x0100, 0xA002), (0x0101, 0xA003)  # of the file; of the photograph
_SHORT, _LONG = 3, 4
_LARGEST = 1 << 24  # bytes of a directory's values; each entry may point to the whole file
_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}


class Directory(NamedTuple):
    """One list of entries, each of 12 bytes: tag, type, count, and the value or its place."""

    start: int
    end: int  # where the place of the next directory stands
    places: dict[int, int]  # tag -> where its entry stands


def byte_order(exif: bytes | bytearray) -> Literal["<", ">"]:
    """How numbers are stored, in the words of `struct`.

    Raises:
        struct.error: this is no EXIF.
    """
    if exif[:4] not in (b"II*\0", b"MM\0*"):
        raise struct.error("neither II nor MM")
    return "<" if exif[:1] == b"I" else ">"


def directory(exif: bytes | bytearray, tag: int | None = None) -> Directory:
    """The first directory, or the one that its entry `tag` points to, empty if there is none.

    Raises:
        struct.error: the EXIF is broken.
    """
    order = byte_order(exif)
    (start,) = struct.unpack_from(order + "I", exif, 4)
    if tag is not None:
        place = directory(exif).places.get(tag)
        (start,) = (0,) if place is None else struct.unpack_from(order + "I", exif, place + 8)
    if start == 0:
        return Directory(0, 0, {})
    (count,) = struct.unpack_from(order + "H", exif, start)
    end = start + 2 + 12 * count
    entries = range(start + 2, end, 12)
    places = {struct.unpack_from(order + "H", exif, at)[0]: at for at in entries}
    struct.unpack_from("4x", exif, end)
    return Directory(start, end, places)


def extracted(file: BinaryIO, keep: Container[int]) -> bytes | None:
    """The EXIF of a TIFF file: the entries `keep` of its first directory, with all they point to.

    None if the file is broken or a BigTIFF, or if they are larger than any camera writes.
    """

    def read(place: int, size: int) -> bytes:
        file.seek(place)
        return file.read(size)

    def copied(place: int, to: int, keep: Container[int] | None, *pointers: set[int]) -> bytes:
        """The directory at `place` for a structure in which it will stand at `to`."""
        (count,) = struct.unpack(order + "H", read(place, 2))
        found = list(struct.iter_unpack(order + "HHI4s", read(place + 2, 12 * count)))
        found = [entry for entry in found if keep is None or entry[0] in keep]
        entries, values = struct.pack(order + "H", len(found)), bytearray()
        for tag, kind, length, value in found:
            here = to + 2 + 12 * len(found) + 4 + len(values)
            (target,) = struct.unpack(order + "I", value)
            if pointers and tag in pointers[0]:
                moved = copied(target, here, None, *pointers[1:])
            elif (size := _BYTES.get(kind, 1) * length) > 4:
                if len(values) + size > _LARGEST:
                    raise struct.error("too large")
                moved = read(target, size)
            else:
                moved = b""
            field = struct.pack(order + "I", here) if moved else value
            entries += struct.pack(order + "HHI", tag, kind, length) + field
            values += moved + bytes(len(moved) % 2)
        return entries + bytes(4) + values

    try:
        start = read(0, 8)
        order = byte_order(start)
        (first,) = struct.unpack(order + "I", start[4:])
        entries = copied(first, 8, keep, {_DETAILS, _GPS}, {_INTEROPERABILITY})
        return start[:4] + struct.pack(order + "I", 8) + entries
    except struct.error:
        return None


def orientation(exif: bytes) -> int:
    """How pixels must be turned to stand upright, 1 to 8; 1 where that is not said."""
    try:
        place = directory(exif).places[_ORIENTATION]
        return int(struct.unpack_from(byte_order(exif) + "H", exif, place + 8)[0])
    except (KeyError, struct.error):
        return 1


def upright(exif: bytes) -> bytes | None:
    """The same without orientation and thumbnail, which tell of the image before it was turned.

    None if the EXIF is broken.
    """
    data = bytearray(exif)
    try:
        start, end, places = directory(data)
        if start:
            data[end : end + 4] = bytes(4)
        if _ORIENTATION in places:
            at = places[_ORIENTATION]
            data[at : end + 4] = data[at + 12 : end + 4] + bytes(12)
            struct.pack_into(byte_order(data) + "H", data, start, (end - start) // 12 - 1)
        directory(data, _DETAILS)
    except struct.error:
        return None
    return bytes(data)


def sized(exif: bytes, width: int, height: int) -> bytes:
    """The same with every stated size, in pixels, replaced."""
    data, order = bytearray(exif), byte_order(exif)
    places = directory(data).places | directory(data, _DETAILS).places
    for tags, value in ((_WIDTHS, width), (_HEIGHTS, height)):
        for place in (places[tag] for tag in tags if tag in places):
            if value < 1 << 16:
                struct.pack_into(order + "HIHH", data, place + 2, _SHORT, 1, value, 0)
            else:
                struct.pack_into(order + "HII", data, place + 2, _LONG, 1, value)
    return bytes(data)
