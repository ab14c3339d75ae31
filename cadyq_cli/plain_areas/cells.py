"""What shows of a picture's cells, from which `predictor` tells where it is plain."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from cadyq_cli.imaging.pixels import peak

Pixels = NDArray[np.uint8 | np.uint16]
Numbers = NDArray[np.floating[Any]]

CELL = 32  # px, a side of what is plain or not
RAMP = 8  # px around a cell that count as well; there, what the network makes fades in
_BLOCKS = CELL // RAMP
_STRIP = 8 * RAMP  # rows at a time, so that they stay in the cache


class Cells(NamedTuple):
    """Of each cell and the `RAMP` px around it; shape (rows, columns), in 8-bit levels."""

    curvature: Numbers  # 4th root of the mean 4th power of |second difference|, across plus down
    gradient: Numbers  # mean of the same of |central difference|


def cells_of(image: Pixels) -> Cells:
    """Look at the cells of a picture (H, W, 3), row by row; the last ones may be narrower.

    The fourth power stands for the largest values, and a few outliers count less than in the
    maximum. What lies beyond the border counts as more of the same.
    """
    height, width, _ = image.shape
    unit = np.float32(255 / peak(image.dtype))
    sums = [
        _block_sums(_with_border(image, top, min(top + _STRIP, height)) * unit)
        for top in range(0, height, _STRIP)
    ]
    curvature, gradient = (np.concatenate(each) for each in zip(*sums, strict=True))
    counts = np.outer(*(np.add.reduceat(np.ones(n), range(0, n, RAMP)) for n in (height, width)))
    values = 3 * _around_cells(counts)
    return Cells((_around_cells(curvature) / values) ** 0.25, _around_cells(gradient) / values)


def _with_border(image: Pixels, top: int, bottom: int) -> NDArray[np.float32]:
    """Rows of a picture with a pixel around them, (n + 2, (W + 2) * 3)."""
    rows = image[max(top - 1, 0) : bottom + 1].astype(np.float32)
    beyond = int(top == 0), int(bottom == len(image))
    return np.pad(rows, (beyond, (1, 1), (0, 0)), mode="edge").reshape(bottom - top + 2, -1)


def _block_sums(values: NDArray[np.float32]) -> tuple[Numbers, Numbers]:
    """Sums over blocks of `RAMP` px, for the curvature and for the gradient."""
    left, middle, right = values[1:-1, :-6], values[1:-1, 3:-3], values[1:-1, 6:]
    above, below = values[:-2, 3:-3], values[2:, 3:-3]
    twice = middle + middle
    curvature = np.abs(left + right - twice)
    curvature += np.abs(above + below - twice)
    for _ in range(2):
        np.square(curvature, out=curvature)
    gradient = np.abs(right - left)
    gradient += np.abs(below - above)
    gradient *= np.float32(0.5)
    return _summed(curvature), _summed(gradient)


def _summed(values: NDArray[np.float32]) -> Numbers:
    rows = np.add.reduceat(values, range(0, values.shape[0], RAMP), axis=0)
    return np.add.reduceat(rows, range(0, values.shape[1], 3 * RAMP), axis=1).astype(np.float64)


def _around_cells(blocks: Numbers) -> Numbers:
    """Sums over the blocks of each cell and those around it."""
    padding = [(1, -length % _BLOCKS + 1) for length in blocks.shape]
    windows = sliding_window_view(np.pad(blocks, padding), (_BLOCKS + 2, _BLOCKS + 2))
    sums: Numbers = windows[::_BLOCKS, ::_BLOCKS].sum(axis=(2, 3))
    return sums
