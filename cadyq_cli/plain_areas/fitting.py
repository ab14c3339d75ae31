"""Fits what tells plain areas to a network, by what it makes of pictures."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from cadyq_cli.engine.bicubic import enlarge
from cadyq_cli.engine.runner import DifferenceFit, Runner
from cadyq_cli.imaging.pixels import to_values
from cadyq_cli.imaging.tiles import tiles
from cadyq_cli.plain_areas.cells import CELL, RAMP, Pixels, cells_of
from cadyq_cli.plain_areas.predictor import logarithm_of, logarithms

SHARE = 0.995  # of the values of a cell that lie within its difference
_TILE = 256  # px of a picture that are enlarged at a time
_CONSIDERED = 12.0  # levels; cells that differ by more say little of those that hardly do
_LIMITS = 2.0, 3.0, 4.0  # levels that people may set, for which the fit is to be right
_WRONG = 0.02  # share of the cells told plain that may differ by more
_ENOUGH = 100  # cells told plain, without which a fit is no more than chance


def fit_plain_predictor(runner: Runner, pictures: Iterable[Pixels]) -> DifferenceFit | None:
    """Measure where a network differs from bicubic interpolation, and what shows there.

    Of the cells that the fit tells plain at 2, 3 or 4 levels, at most 2 % differ by more, in the
    pictures that it is fitted to.

    Args:
        runner: A network that enlarges.
        pictures: RGB, shape (H, W, 3), uint8 or uint16, such as the network is to enlarge; some
            as sharp as pixels allow, some soft. A few million pixels are plenty. Those with a
            side below three cells tell nothing.

    Returns:
        The fit, or None where hardly any cell is plain, as with a network that restores.
    """
    large = (picture for picture in pictures if min(picture.shape[:2]) >= 3 * CELL)
    seen = [_of_picture(runner, picture) for picture in large]
    if not seen:
        return None
    shown, differences = (np.concatenate(each, axis=-1) for each in zip(*seen, strict=True))
    considered = differences <= _CONSIDERED
    if np.count_nonzero(considered) < _ENOUGH:
        return None
    shown = np.concatenate([shown, np.ones((1, shown.shape[1]))])
    wanted = logarithm_of(differences)
    found, *_ = np.linalg.lstsq(shown[:, considered].T, wanted[considered], rcond=None)
    offsets = [_allowance(found @ shown, wanted, float(logarithm_of(at))) for at in _LIMITS]
    if max(offsets) == np.inf:
        return None
    curvature, gradient, offset = found.tolist()
    return DifferenceFit(curvature, gradient, offset + max(offsets))


def _of_picture(runner: Runner, picture: Pixels) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Logarithms of what the inner cells show, (2, N), and how far they differ, (N,)."""
    away = np.abs(_enlarged(runner, picture) - _interpolated(picture, runner.scale))
    rows, columns = (length // CELL - 2 for length in picture.shape[:2])  # but those at the border
    side, step = (CELL + 2 * RAMP) * runner.scale, CELL * runner.scale
    first = (CELL - RAMP) * runner.scale
    windows = sliding_window_view(away[first:, first:], (side, side), axis=(0, 1))
    windows = windows[::step, ::step][:rows, :columns]
    differences = np.quantile(windows, SHARE, axis=(-3, -2, -1), method="higher")
    shown = logarithms(cells_of(picture))[:, 1 : rows + 1, 1 : columns + 1]
    return shown.reshape(2, -1), differences.reshape(-1)


def _enlarged(runner: Runner, picture: Pixels) -> NDArray[np.float32]:
    """What a network makes of a picture, in levels."""
    height, width, _ = picture.shape
    result = np.empty((height * runner.scale, width * runner.scale, 3), np.float32)
    for tile in tiles(height, width, _TILE, 2 * min(runner.reach, _TILE // 4)):
        pixels = runner.run(to_values(picture[tile.read()])).pixels
        result[tile.owned(runner.scale)] = pixels[tile.inner(runner.scale)]
    return 255 * result.clip(0, 1)


def _interpolated(picture: Pixels, scale: int) -> NDArray[np.float32]:
    height, width, _ = picture.shape
    result = np.empty((height * scale, width * scale, 3), np.float32)
    enlarge(to_values(picture), scale, result)
    return 255 * result.clip(0, 1)


def _allowance(told: NDArray[np.float64], true: NDArray[np.float64], limit: float) -> float:
    """The least to add to what is told, so that few cells are wrongly told to be within a limit.

    All are logarithms. Infinite where too few can be told.
    """
    order = np.argsort(told)
    wrong = np.cumsum(true[order] > limit) / np.arange(1, len(order) + 1)
    right = np.flatnonzero(wrong <= _WRONG)
    if len(right) == 0 or right[-1] < _ENOUGH:
        return np.inf
    return float(limit - told[order][right[-1]])
