"""What a bit selector looks at, as `quant.sensitivity` has it, without torch."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cadyq_cli.engine.runner import Map

_GRAY = np.array([0.299, 0.587, 0.114], np.float32)  # BT.601 luma of R, G, B
_SOBEL_SUM = 8.0


def image_gradient(patch: Map) -> NDArray[np.float32]:
    """Mean magnitude of the horizontal and the vertical gradient of a patch's gray version.

    Args:
        patch: RGB, shape (H, W, 3), range 0..1.

    Returns:
        Shape (2,), in units of gray per pixel.

    Source: paper, section 3.2; normalised Sobel filter, borders replicated.
    """
    gray = np.pad(patch @ _GRAY, 1, mode="edge")
    smooth_down = gray[:-2] + 2 * gray[1:-1] + gray[2:]
    smooth_right = gray[:, :-2] + 2 * gray[:, 1:-1] + gray[:, 2:]
    slope_x = smooth_down[:, 2:] - smooth_down[:, :-2]
    slope_y = smooth_right[2:] - smooth_right[:-2]
    means = [np.abs(slope).mean() / _SOBEL_SUM for slope in (slope_x, slope_y)]
    return np.array(means, np.float32)


def channel_spread(
    totals: NDArray[np.float64], squares: NDArray[np.float64], count: int
) -> NDArray[Any]:
    """Unbiased standard deviation of each channel from sums over `count` pixels; 0 for one pixel.

    Shapes (C,), in the units of the values.
    """
    if count == 1:
        return np.zeros_like(totals)
    variance = (squares - np.square(totals) / count) / (count - 1)
    return np.sqrt(np.maximum(variance, 0))
