"""Covers the cells that need the network with few rectangles, as what they overlap costs time."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from math import ceil
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cadyq_cli.imaging.tiles import Span, Tile
from cadyq_cli.plain_areas.cells import CELL, RAMP

_CALL = 1000  # px of a patch that take about as long as what each patch takes besides


class Box(NamedTuple):
    """Some rows and columns of cells."""

    top: int
    bottom: int
    left: int
    right: int


class Part(NamedTuple):
    """A box and whether the network is run there."""

    box: Box
    network: bool


def planned(
    needed: NDArray[np.bool_], size: tuple[int, int], *, side: int, context: int
) -> list[tuple[Tile, bool]]:
    """Cut a picture into tiles, those that need the network (True) and those that do not.

    Args:
        needed: The cells that need the network, shape (rows, columns).
        size: Height and width of the picture, px.
        side: Of a tile, px, at most; but one cell with its context is always a tile.
        context: px around what it owns that a tile of the network reads where its neighbours need
            the network, too. Where a tile fades to a plain area, less is as good.
    """
    plan = Planner(needed, size, side=side, context=context)
    return [(plan.tile(part), part.network) for part in plan.parts()]


class Planner:
    """Cuts a picture into rectangles, those that need the network and those that do not."""

    def __init__(
        self, needed: NDArray[np.bool_], size: tuple[int, int], *, side: int, context: int
    ) -> None:
        """Prepare, with arguments as for `planned`."""
        self._size, self._context = size, context
        self._most = max(1, (side - 2 * context) // CELL)
        self._shape = needed.shape
        # a whole number for each row of cells: the bit of a column is set where one is needed
        self._rows = [sum(1 << int(at) for at in np.flatnonzero(row)) for row in needed]

    def parts(self) -> Iterator[Part]:
        """All rectangles; those of a row of patches come together, and rows from the top."""
        rows, columns = (_shares(length, self._most) for length in self._shape)
        for top, bottom in rows:
            for left, right in columns:
                yield from self._parts(Box(top, bottom, left, right))

    def tile(self, part: Part) -> Tile:
        """A rectangle in pixels, with what it reads around them."""
        top, bottom, left, right = part.box
        above, below = (
            self._around(part, Box(row, row + 1, left, right)) for row in (top - 1, bottom)
        )
        before, after = (
            self._around(part, Box(top, bottom, column, column + 1)) for column in (left - 1, right)
        )
        height, width = self._size
        return Tile(
            _span(top, bottom, height, above, below), _span(left, right, width, before, after)
        )

    def _around(self, part: Part, beside: Box) -> int:
        """px that a part reads of a box beside it."""
        if not part.network:
            return 0
        return self._context if self._shrunk(beside) else max(self._context - RAMP, 0)

    def _parts(self, box: Box) -> list[Part]:
        """The cheapest that halving finds for a box, again and again."""
        inner = self._shrunk(box)
        if inner is None:
            return [Part(box, network=False)]
        around = [Part(each, network=False) for each in _frame(box, inner)]
        whole = [*around, Part(inner, network=True)]
        if self._is_full(inner):
            return whole
        first, second = min(_halves(inner), key=self._cost_of_halves)
        return min(whole, [*around, *self._parts(first), *self._parts(second)], key=self._cost)

    def _shrunk(self, box: Box) -> Box | None:
        """The least box around the needed cells of one."""
        top, bottom, left, right = box
        mask = (1 << right) - (1 << max(left, 0))
        top, bottom = max(top, 0), min(bottom, len(self._rows))
        while top < bottom and not self._rows[top] & mask:
            top += 1
        if top >= bottom:
            return None
        while not self._rows[bottom - 1] & mask:
            bottom -= 1
        columns = 0
        for row in self._rows[top:bottom]:
            columns |= row & mask
        return Box(top, bottom, (columns & -columns).bit_length() - 1, columns.bit_length())

    def _is_full(self, box: Box) -> bool:
        mask = (1 << box.right) - (1 << box.left)
        return all(row & mask == mask for row in self._rows[box.top : box.bottom])

    def _cost_of_halves(self, halves: tuple[Box, Box]) -> int:
        shrunk = map(self._shrunk, halves)
        return sum(self._cost([Part(box, network=True)]) for box in shrunk if box is not None)

    def _cost(self, parts: list[Part]) -> int:
        """px that the network reads, and what its calls take besides."""
        tiles = [self.tile(part) for part in parts if part.network]
        return sum(tile.area for tile in tiles) + _CALL * len(tiles)


def _shares(length: int, most: int) -> list[tuple[int, int]]:
    """Cut an axis into as few parts as there can be, of about equal length."""
    count = ceil(length / most)
    ends = [length * index // count for index in range(count + 1)]
    return [*pairwise(ends)]


def _span(first: int, last: int, length: int, before: int, after: int) -> Span:
    start, stop = first * CELL, min(last * CELL, length)
    return Span(max(start - before, 0), min(stop + after, length), start, stop)


def _frame(outer: Box, inner: Box) -> Iterator[Box]:
    """What of a box lies around another one in it."""
    top, bottom, left, right = inner
    boxes = (
        Box(outer.top, top, outer.left, outer.right),
        Box(top, bottom, outer.left, left),
        Box(top, bottom, right, outer.right),
        Box(bottom, outer.bottom, outer.left, outer.right),
    )
    return (box for box in boxes if box.top < box.bottom and box.left < box.right)


def _halves(box: Box) -> Iterator[tuple[Box, Box]]:
    """A box cut in two, in every way."""
    top, bottom, left, right = box
    for row in range(top + 1, bottom):
        yield Box(top, row, left, right), Box(row, bottom, left, right)
    for column in range(left + 1, right):
        yield Box(top, bottom, left, column), Box(top, bottom, column, right)
