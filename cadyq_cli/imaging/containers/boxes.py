"""The boxes of ISO base media files, of which AVIF is one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple


class Box(NamedTuple):
    """A box within some bytes: its kind and where its content stands there."""

    kind: bytes
    start: int
    end: int


def boxes(data: bytes, start: int, end: int) -> Iterator[Box]:
    """The boxes between two places; a broken one ends the list.

    Source: ISO/IEC 14496-12, 4.2.
    """
    while start + 8 <= end:
        size, kind, head = (
            int.from_bytes(data[start : start + 4], "big"),
            data[start + 4 : start + 8],
            8,
        )
        if size == 1:
            size, head = int.from_bytes(data[start + 8 : start + 16], "big"), 16
        elif size == 0:
            size = end - start
        if size < head or start + size > end:
            return
        yield Box(kind, start + head, start + size)
        start += size


def child(data: bytes, parent: Box, kind: bytes, *, skip: int = 0) -> Box | None:
    """The first box of a kind in another one, whose boxes start `skip` bytes within it."""
    inner = boxes(data, parent.start + skip, parent.end)
    return next((box for box in inner if box.kind == kind), None)
