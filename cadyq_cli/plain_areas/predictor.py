"""Tells where a picture is plain, from what its cells show."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cadyq_cli.engine.runner import DifferenceFit
from cadyq_cli.plain_areas.cells import Cells

_LEAST_SHOWN, _LEAST_DIFFERENCE = 0.25, 0.5  # levels; keep logarithms of nothing finite


def plain_cells(cells: Cells, fit: DifferenceFit, levels: float) -> NDArray[np.bool_]:
    """Which cells are plain: nearly all values differ from interpolation by at most so many levels.

    Args:
        cells: Of a picture.
        fit: Of the network.
        levels: Of 8 bit, not negative.
    """
    curvature, gradient = logarithms(cells)
    expected = fit.curvature * curvature + fit.gradient * gradient + fit.offset
    plain: NDArray[np.bool_] = expected <= logarithm_of(levels)
    return plain


def logarithms(cells: Cells) -> NDArray[np.float64]:
    """What the prediction is linear in; shape (2, rows, columns)."""
    found: NDArray[np.float64] = np.log(np.stack(cells) + _LEAST_SHOWN)
    return found


def logarithm_of(differences: ArrayLike) -> NDArray[np.float64]:
    """What is predicted, from differences in levels."""
    return np.log(np.asarray(differences, np.float64) + _LEAST_DIFFERENCE)
