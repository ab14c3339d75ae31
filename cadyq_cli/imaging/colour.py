"""Luma, the plane that super-resolution papers measure on."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

LUMA_WEIGHTS = np.array([65.738, 129.057, 25.064]) / 256


def luma(rgb: NDArray[Any]) -> NDArray[np.float64]:
    """BT.601 studio-range luma: 16 for black, 235 for white, not rounded.

    Args:
        rgb: Values 0..255 of any dtype. Shape (H, W, 3).

    Returns:
        Shape (H, W).

    Raises:
        ValueError: the shape is another one.

    Source: the papers' evaluation code, (65.738 R + 129.057 G + 25.064 B) / 256 + 16.
    """
    if rgb.ndim != 3 or rgb.shape[2] != 3:
        raise ValueError(f"luma needs an (H, W, 3) image, not {rgb.shape}")
    plane: NDArray[np.float64] = rgb @ LUMA_WEIGHTS + 16
    return plane
