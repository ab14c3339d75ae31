"""EXIF edited where it stands: nothing moves, so maker notes, which count bytes, stay readable."""

from __future__ import annotations

import struct
from collections.abc import Container
from typing import BinaryIO, Literal, NamedTuple

from PIL.ExifTags import Base

ABOUT_THE_PICTURE = {  # of the tags of a TIFF file; the others are about the file
    Base.DocumentName,
    Base.ImageDescription,
    Base.Make,
    Base.Model,
    Base.Orientation,
    Base.PageName,
    Base.XResolution,
    Base.YResolution,
    Base.ResolutionUnit,
    Base.Software,
    Base.DateTime,
    Base.Artist,
    Base.HostComputer,
    Base.Rating,
    Base.RatingPercent,
    Base.Copyright,
    Base.ExifOffset,
    Base.GPSInfo,
    Base.XPTitle,
    Base.XPComment,
    Base.XPAuthor,
    Base.XPKeywords,
    Base.XPSubject,
    Base.PrintImageMatching,
}
_ORIENTATION = 0x0112
_DETAILS, _GPS, _INTEROPERABILITY = 0x8769, 0x8825, 0xA005  # point to other directories
_WIDTHS = (0x0100, 0xA002, 0x1001)  # of the file; of the photograph; of the related image
_HEIGHTS = (0x0101, 0xA003, 0x1002)
_PLACES = {0x9214, 0xA214}  # of the subject, in pixels
_XMP = 0x02BC  # another statement of what a file says in its own place
_RESOLUTIONS = ((0x011A, 0x011B), (0xA20E, 0xA20F))  # across, down: of prints; of the sensor
_SHORT, _LONG = 3, 4
_LARGEST = 1 << 24  # bytes of a directory's values; each entry may point to the whole file
_NUMBERS = {1: "B", 3: "H", 4: "I", 5: "II", 6: "b", 7: "B", 8: "h", 9: "i", 10: "ii"}
_NUMBERS |= {11: "f", 12: "d", 13: "I"}  # by type, in the words of `struct`
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


def directory(exif: bytes | bytearray, *tags: int) -> Directory:
    """The first directory, or one that is found by following `tags`, empty if there is none.

    Raises:
        struct.error: the EXIF is broken.
    """
    order = byte_order(exif)
    (start,) = struct.unpack_from(order + "I", exif, 4)
    found = _directory_at(exif, start)
    for tag in tags:
        place = found.places.get(tag)
        (start,) = (0,) if place is None else struct.unpack_from(order + "I", exif, place + 8)
        found = _directory_at(exif, start)
    return found


def _directory_at(exif: bytes | bytearray, start: int) -> Directory:
    if start == 0:
        return Directory(0, 0, {})
    order = byte_order(exif)
    (count,) = struct.unpack_from(order + "H", exif, start)
    end = start + 2 + 12 * count
    struct.unpack_from(f"{end - start}x", exif, start)
    entries = range(start + 2, end, 12)
    return Directory(
        start, end, {struct.unpack_from(order + "H", exif, at)[0]: at for at in entries}
    )


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


def packet(exif: bytes) -> bytes | None:
    """The XMP that stands in the first directory; None if there is none."""
    try:
        entry = directory(exif).places[_XMP]
        kind, count, place = struct.unpack_from(byte_order(exif) + "HII", exif, entry + 2)
        size = _BYTES.get(kind, 1) * count
        return bytes(exif[place : place + size]).rstrip(b"\0") if size > 4 else None
    except (KeyError, struct.error):
        return None


def orientation(exif: bytes) -> int | None:
    """How pixels must be turned to stand upright, 1 to 8; None where that is not said."""
    try:
        value = _number(exif, directory(exif).places[_ORIENTATION])
        return int(value) if value in range(1, 9) else None
    except (KeyError, ZeroDivisionError, struct.error):
        return None


def _number(exif: bytes, entry: int) -> float:
    """The first value of an entry of any numeric type.

    Raises:
        KeyError, ZeroDivisionError, struct.error: it is no number.
    """
    order = byte_order(exif)
    kind, count, place = struct.unpack_from(order + "HII", exif, entry + 2)
    code = order + _NUMBERS[kind]
    at = entry + 8 if struct.calcsize(code) * count <= 4 else place
    value, *divisor = struct.unpack_from(code, exif, at)
    return float(value / divisor[0] if divisor else value)


def upright(exif: bytes, turn: int) -> bytes | None:
    """The same after the image was turned as the orientation `turn` asks.

    Orientation, thumbnail, and places in pixels tell of the image before, and are left out. None if
    the EXIF is broken.
    """
    data = bytearray(exif)
    try:
        _remove(data, directory(data), {_ORIENTATION, _XMP})
        _remove(data, directory(data, _DETAILS), _PLACES)
        if turn >= 5:
            places = directory(data).places | directory(data, _DETAILS).places
            for across, down in _RESOLUTIONS:
                if across in places and down in places:
                    _swap(data, places[across] + 2, places[down] + 2)
        directory(data, _DETAILS, _INTEROPERABILITY)
    except struct.error:
        return None
    return bytes(data)


def _remove(data: bytearray, found: Directory, tags: Container[int]) -> None:
    """Take entries out of a directory, and the link from it to the next one, a thumbnail's."""
    if found.start == 0:
        return
    order = byte_order(data)
    entries = [bytes(data[at : at + 12]) for at in range(found.start + 2, found.end, 12)]
    kept = [each for each in entries if struct.unpack_from(order + "H", each)[0] not in tags]
    content = struct.pack(order + "H", len(kept)) + b"".join(kept)
    data[found.start : found.end + 4] = content.ljust(found.end + 4 - found.start, b"\0")


def _swap(data: bytearray, one: int, other: int) -> None:
    """Exchange type, count and value of two entries."""
    data[one : one + 10], data[other : other + 10] = (
        data[other : other + 10],
        data[one : one + 10],
    )


def sized(exif: bytes, width: int, height: int) -> bytes:
    """The same with every stated size, in pixels, replaced.

    Raises:
        struct.error: the EXIF is broken.
    """
    data, order = bytearray(exif), byte_order(exif)
    for path in ((), (_DETAILS,), (_DETAILS, _INTEROPERABILITY)):
        places = directory(data, *path).places
        for tags, value in ((_WIDTHS, width), (_HEIGHTS, height)):
            for place in (places[tag] for tag in tags if tag in places):
                if value < 1 << 16:
                    struct.pack_into(order + "HIHH", data, place + 2, _SHORT, 1, value, 0)
                else:
                    struct.pack_into(order + "HII", data, place + 2, _LONG, 1, value)
    return bytes(data)
