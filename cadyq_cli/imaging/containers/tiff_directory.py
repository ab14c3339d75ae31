"""A directory of a TIFF or BigTIFF file, in any byte order."""

from __future__ import annotations

import struct
from typing import BinaryIO, NamedTuple

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_SIZES |= {16: 8, 17: 8, 18: 8}  # BigTIFF
_WHOLE = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}
_RATIONAL = 5
_MOST = 1 << 12  # entries, and numbers of one


class Entry(NamedTuple):
    """What a tag has: the values' type, how many there are, and where they stand."""

    kind: int
    many: int
    place: int

    @property
    def size(self) -> int:
        return _SIZES.get(self.kind, 1) * self.many


class Directory(NamedTuple):
    """The entries of one picture."""

    order: str  # of bytes, in the words of `struct`
    big: bool
    start: int
    stored: dict[int, bytes]  # each entry as it stands in the file
    entries: dict[int, Entry]
    next: int  # where the next picture's directory starts; 0 behind the last
    end: int

    def bytes_of(self, file: BinaryIO, tag: int) -> bytes:
        """All bytes of the values of a tag that is there.

        Raises:
            ValueError: the file ends before.
        """
        entry = self.entries[tag]
        file.seek(entry.place)
        data = file.read(entry.size)
        if len(data) < entry.size:
            raise ValueError("cut off")
        return data

    def numbers(self, file: BinaryIO, tag: int) -> tuple[float, ...]:
        """The whole numbers or fractions of a tag; none if it is not there or no such numbers."""
        entry = self.entries.get(tag)
        if entry is None or entry.many > _MOST:
            return ()
        try:
            data = self.bytes_of(file, tag)
        except ValueError:
            return ()
        if entry.kind == _RATIONAL:
            pairs = struct.iter_unpack(self.order + "II", data)
            return tuple(above / below if below else 0.0 for above, below in pairs)
        if entry.kind not in _WHOLE:
            return ()
        return struct.unpack(f"{self.order}{entry.many}{_WHOLE[entry.kind]}", data)


def first_directory(file: BinaryIO) -> Directory:
    """The directory of a TIFF file's first picture.

    Raises:
        struct.error, ValueError: the file is broken.

    Source: TIFF Revision 6.0, Adobe 1992, section 2; the BigTIFF extension of libtiff.
    """
    file.seek(0)
    start = file.read(16)
    order = "<" if start[:1] == b"I" else ">"
    (version,) = struct.unpack_from(order + "H", start, 2)
    big = version == 43
    place = struct.unpack_from(order + ("Q" if big else "I"), start, 8 if big else 4)[0]
    return directory_at(file, place, order, big)


def directory_at(file: BinaryIO, place: int, order: str, big: bool) -> Directory:
    """The directory at a place; errors as for the first one."""
    number, entry, link, room = ("Q", "HHQ8s", "Q", 8) if big else ("H", "HHI4s", "I", 4)
    if place >= 1 << 63:
        raise ValueError("no place in a file")
    file.seek(place)
    at = struct.calcsize(order + number)
    (count,) = struct.unpack(order + number, file.read(at))
    if count > _MOST:
        raise ValueError("too many entries")
    size = struct.calcsize(order + entry)
    stored, entries = {}, {}
    for index in range(count):
        data = file.read(size)
        tag, kind, many, value = struct.unpack(order + entry, data)
        there = place + at + size * index + size - room
        if _SIZES.get(kind, 1) * many > room:
            (there,) = struct.unpack(order + link, value)
            there = min(there, (1 << 63) - 1)
        stored[tag], entries[tag] = data, Entry(kind, many, there)
    end = place + at + size * count + room
    rest = file.read(room)
    following = struct.unpack(order + link, rest)[0] if len(rest) == room else 0
    return Directory(order, big, place, stored, entries, following, end)
