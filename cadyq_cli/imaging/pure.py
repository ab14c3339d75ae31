"""White that stays white, and black that stays black."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from cadyq_cli.imaging.pixels import peak

REACH = 2  # px of the input around a pixel that must be pure too: what bicubic resampling mixes


def keep_pure(pixels: NDArray[np.uint8 | np.uint16], enlarged: NDArray[np.floating[Any]]) -> None:
    """Set what lies within pure white or black areas to exactly that, in each channel.

    A network makes of plain white something between 0.98 and 1, and zeros around the picture darken
    its border. That shows in scans and drawings.

    Args:
        pixels: What was enlarged, shape (H, W, 3). What lies beyond it counts as more of the same.
        enlarged: The result in 0..1, shape (H * scale, W * scale, 3); it is changed.
    """
    scale = enlarged.shape[0] // pixels.shape[0]
    for level, value in ((0, 0.0), (peak(pixels.dtype), 1.0)):
        pure = _inside(pixels == level)
        if pure.any():
            enlarged[pure.repeat(scale, axis=0).repeat(scale, axis=1)] = value


def _inside(area: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """What is surrounded by the area on all sides, shape (H, W, 3)."""
    for axis in (0, 1):
        if not area.any():
            break
        margin = [(REACH, REACH) if axis == side else (0, 0) for side in range(3)]
        wider = np.pad(area, margin, constant_values=True)
        area = np.asarray(sliding_window_view(wider, 2 * REACH + 1, axis=axis).all(axis=-1))
    return area
