"""Places: whether a pixel lies inside its image, or in its first or last row or column, or both."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

_ALONG = ("inner", "first", "last", "only")  # where a row or a column lies; the only one is both

PLACES = len(_ALONG) ** 2
INNER = 0  # the place of pixels that no border is near

Region = tuple[int, slice, slice]  # a place, and the rows and columns that it holds


def borders(height: int, width: int) -> Iterator[Region]:
    """The regions of an image at its border, each of one place; the others are inside."""
    for (row, rows), (column, columns) in product(_parts(height), _parts(width)):
        place = place_of(row, column)
        if place != INNER:
            yield place, rows, columns


def place_of(row: str, column: str) -> int:
    """The number of the place where rows and columns lie so: inner, first, last, or only."""
    return len(_ALONG) * _ALONG.index(row) + _ALONG.index(column)


def _parts(length: int) -> list[tuple[str, slice]]:
    if length == 1:
        return [("only", slice(0, 1))]
    parts = [("first", slice(0, 1)), ("last", slice(length - 1, length))]
    return parts if length == 2 else [("inner", slice(1, length - 1)), *parts]
