"""Tiles that overlap but own every pixel once, so that results join without seams."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil


@dataclass(frozen=True, slots=True)
class Span:
    """One tile along one axis, in pixels: it reads [start, stop) and owns [keep_from, keep_to)."""

    start: int
    stop: int
    keep_from: int
    keep_to: int

    def read(self) -> slice:
        """What the tile reads of the whole axis."""
        return slice(self.start, self.stop)

    def inner(self, scale: int = 1) -> slice:
        """What the tile owns of its own result, which is `scale` times as long as the tile."""
        return slice((self.keep_from - self.start) * scale, (self.keep_to - self.start) * scale)

    def owned(self, scale: int = 1) -> slice:
        """The same pixels on the whole result."""
        return slice(self.keep_from * scale, self.keep_to * scale)


@dataclass(frozen=True, slots=True)
class Tile:
    """A rectangle of an image."""

    rows: Span
    columns: Span

    def read(self) -> tuple[slice, slice]:
        """What the tile reads of the whole image: ``image[tile.read()]``."""
        return self.rows.read(), self.columns.read()

    def inner(self, scale: int = 1) -> tuple[slice, slice]:
        """What the tile owns of its result: ``whole[tile.owned(s)] = result[tile.inner(s)]``."""
        return self.rows.inner(scale), self.columns.inner(scale)

    def owned(self, scale: int = 1) -> tuple[slice, slice]:
        """The same pixels on the whole result."""
        return self.rows.owned(scale), self.columns.owned(scale)

    @property
    def area(self) -> int:
        """How many pixels the tile reads."""
        return (self.rows.stop - self.rows.start) * (self.columns.stop - self.columns.start)


def spans(length: int, tile: int, overlap: int) -> list[Span]:
    """Cut an axis into tiles of equal length, neighbours sharing at least `overlap` px.

    The last tile is shifted back to end with the axis; an axis no longer than a tile is one span.
    Neighbours part in the middle of what they share, so each kept pixel next to a cut has at least
    ``overlap // 2`` px of context.

    Raises:
        ValueError: no length, or an overlap that leaves no step from one tile to the next.
    """
    if length < 1 or not 0 <= overlap < tile:
        raise ValueError(f"cannot cut {length} px into tiles of {tile} px, {overlap=} px")
    last = max(length - tile, 0)
    starts = [*range(0, last, tile - overlap), last]
    return _owned(starts, [min(start + tile, length) for start in starts])


def official_spans(length: int, tile: int = 96, step: int = 90) -> list[Span]:
    """Cut an axis as CADyQ's released code does: whole tiles only, the last stretched to the edge.

    The last span is up to ``tile + step - 1`` px long, which changes what a patch is, hence its
    chosen widths. For comparing with published numbers; use `spans` otherwise.

    Raises:
        ValueError: no length, or a step that leaves gaps.
    """
    if length < 1 or not 0 < step <= tile:
        raise ValueError(f"cannot cut {length} px into tiles of {tile} px, {step=} px")
    starts = range(0, max(length - tile, 0) + 1, step)
    return _owned(starts, [*(start + tile for start in starts[:-1]), length])


def fitted(length: int, tile: int, overlap: int) -> int:
    """The least side of equal tiles that cover an axis in as few steps as tiles of `tile` px do."""
    if length <= tile:
        return tile
    count = ceil((length - overlap) / (tile - overlap))
    return ceil((length + (count - 1) * overlap) / count)


def tiles(height: int, width: int, tile: int, overlap: int) -> Iterator[Tile]:
    """Cut an image into tiles of at most `tile` px, all alike, row by row; see `spans`."""
    rows, columns = (
        spans(length, fitted(length, tile, overlap), overlap) for length in (height, width)
    )
    return (Tile(row, column) for row in rows for column in columns)


def bands(tiles: Iterable[Tile], width: int) -> Iterator[tuple[slice, int]]:
    """Rows from the top that are whole once some more tiles are done, and the number of those.

    Args:
        tiles: They own every pixel of an image once, those of a band before those below it.
        width: Of the image.
    """
    count = top = bottom = missing = 0
    for tile in tiles:
        rows, columns = tile.owned()
        missing += width * max(rows.stop - bottom, 0)
        missing -= (rows.stop - rows.start) * (columns.stop - columns.start)
        bottom, count = max(rows.stop, bottom), count + 1
        if not missing:
            yield slice(top, bottom), count
            count, top = 0, bottom


def _owned(starts: Sequence[int], stops: Sequence[int]) -> list[Span]:
    """Spans whose cuts lie in the middle between one tile's end and the next one's start."""
    middles = [(stop + start) // 2 for stop, start in zip(stops[:-1], starts[1:], strict=True)]
    keeps = pairwise([0, *middles, stops[-1]])
    return [
        Span(start, stop, *keep) for start, stop, keep in zip(starts, stops, keeps, strict=True)
    ]
