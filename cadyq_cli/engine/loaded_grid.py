"""A site's grids with their numbers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cadyq_cli.engine.folding import Arrays
from cadyq_cli.engine.kernels import Rounding
from cadyq_cli.engine.program import Grid

Ends = tuple[NDArray[np.float32], NDArray[np.float32]]


def ends_of(grid: Grid, arrays: Arrays) -> list[Ends]:
    """The lowest and the highest code of each width: one of each, or (C,) where offsets differ."""
    one = np.ones(1, np.float32)
    if not grid.offset:
        low = 0 if grid.unsigned else -1
        return [(low * bound * one, bound * one) for bound in map(np.float32, grid.divisions)]
    below = arrays[f"{grid.module}.zero"].astype(np.float32)
    lows = [-np.rint(below * np.float32(top)) for top in grid.divisions]
    return [(low, low + np.float32(top)) for low, top in zip(lows, grid.divisions, strict=True)]


class LoadedGrid:
    """The grids of a site of C channels, one for each width."""

    def __init__(self, grid: Grid, arrays: Arrays, channels: int) -> None:
        self.name, self.widths = grid.name, grid.widths
        self._bounds = arrays[f"{grid.module}.bounds"].astype(np.float32)
        self._divisions = np.array(grid.divisions, np.float32)
        one = np.ones(channels, np.float32)
        self.span = arrays[f"{grid.module}.span"].astype(np.float32) if grid.spans else one
        self._ends = [(low * one, high * one) for low, high in ends_of(grid, arrays)]

    def unit(self, index: int, magnitude: float = 1.0) -> float:
        """What a code of that width is worth where the span is 1."""
        return float(self._bounds[index] * np.float32(magnitude) / self._divisions[index])

    def rounding(self, index: int, unit: float) -> Rounding:
        """The grids of a width, whose codes are worth `unit` times the span."""
        return Rounding(np.float32(unit) * self.span, *self._ends[index])
