"""The items of a HEIF or AVIF file: pictures, and what is said about them."""

from __future__ import annotations

from typing import NamedTuple

from cadyq_cli.imaging.containers.boxes import Box, boxes, child

_FULL = 4  # bytes of version and flags before a full box's content


class Item(NamedTuple):
    """What iinf says about an item."""

    kind: bytes
    mime: bytes  # of a "mime" item
    place: int  # where the four bytes of its kind stand


class Numbers:
    """Whole numbers read one after another.

    Raises ValueError where they end.
    """

    def __init__(self, data: bytes, start: int, end: int) -> None:
        self.data, self.at, self.end = data, start, end

    def __call__(self, size: int) -> int:
        """The next number, of so many bytes; 0 of none."""
        if self.at + size > self.end:
            raise ValueError("cut off")
        self.at += size
        return int.from_bytes(self.data[self.at - size : self.at], "big")


def items(data: bytes, meta: Box) -> dict[int, Item]:
    """The items by number; source: ISO/IEC 14496-12, 8.11.6."""
    found: dict[int, Item] = {}
    listed = child(data, meta, b"iinf", skip=_FULL)
    if listed is None or listed.end <= listed.start:
        return found
    count = 2 if data[listed.start] == 0 else 4
    for box in boxes(data, listed.start + _FULL + count, listed.end):
        if box.kind != b"infe" or box.end - box.start < 12:
            continue
        at = box.start + _FULL
        wide = 4 if data[box.start] >= 3 else 2
        number = int.from_bytes(data[at : at + wide], "big")
        place = at + wide + 2
        strings = data[place + 4 : box.end].split(b"\0")
        found[number] = Item(data[place : place + 4], [*strings, b""][1], place)
    return found


def primary(data: bytes, meta: Box) -> int | None:
    """The number of the item that is the picture."""
    box = child(data, meta, b"pitm", skip=_FULL)
    if box is None or box.end - box.start < _FULL + 2:
        return None
    wide = 2 if data[box.start] == 0 else 4
    return int.from_bytes(data[box.start + _FULL : box.start + _FULL + wide], "big")


def extents(data: bytes, meta: Box) -> dict[int, list[range]]:
    """Where each item's bytes stand in the file, or in `data` for those that lie in its idat box.

    Raises:
        ValueError: the box is broken.

    Source: ISO/IEC 14496-12, 8.11.3.
    """
    found: dict[int, list[range]] = {}
    box = child(data, meta, b"iloc", skip=_FULL)
    if box is None:
        return found
    number = Numbers(data, box.start, box.end)
    version, _ = number(1), number(3)
    sizes, more = number(1), number(1)
    offset_size, length_size, base_size = sizes >> 4, sizes & 15, more >> 4
    index_size = more & 15 if version else 0
    if length_size == 0:
        raise ValueError("no lengths")
    inner = child(data, meta, b"idat", skip=_FULL)
    for _ in range(number(4 if version == 2 else 2)):
        item = number(4 if version == 2 else 2)
        method = number(2) & 15 if version else 0
        number(2)  # of another file
        base = number(base_size)
        if method == 1 and inner:
            base += inner.start
        found[item] = []
        for _ in range(number(2)):
            number(index_size)
            start = base + number(offset_size)
            found[item].append(range(start, start + number(length_size)))
    return found


def all_properties(data: bytes, meta: Box) -> list[Box]:
    """The properties of all items, in the order in which their numbers count."""
    whole = child(data, meta, b"iprp", skip=_FULL)
    held = child(data, whole, b"ipco") if whole else None
    return list(boxes(data, held.start, held.end)) if held else []


def properties(data: bytes, meta: Box, item: int) -> list[Box]:
    """The properties of an item, in their order.

    Raises:
        ValueError: a box is broken.

    Source: ISO/IEC 23008-12, 9.3.
    """
    whole = child(data, meta, b"iprp", skip=_FULL)
    told = child(data, whole, b"ipma") if whole else None
    if told is None:
        return []
    known = all_properties(data, meta)
    number = Numbers(data, told.start, told.end)
    version, flags = number(1), number(3)
    for _ in range(number(4)):
        here = number(2 if version == 0 else 4)
        wide = 2 if flags & 1 else 1
        indices = [number(wide) & (0x7FFF if wide == 2 else 0x7F) for _ in range(number(1))]
        if here == item:
            return [known[index - 1] for index in indices if 0 < index <= len(known)]
    return []
