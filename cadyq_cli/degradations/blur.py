"""Pictures out of focus: Gaussians, round or drawn out in one direction."""

from __future__ import annotations

from math import ceil, cos, sin
from typing import Any

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[Any]

_REACH = 4  # standard deviations from the middle of a kernel to its edge


def gaussian(along: float, across: float, angle: float = 0.0) -> NDArray[np.float32]:
    """A kernel of sum 1, with an odd number of rows and columns.

    Args:
        along, across: Standard deviations in pixels, above 0.
        angle: From the x axis towards the y axis to `along`, in radians.
    """
    radius = ceil(_REACH * max(along, across))
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    u, v = x * cos(angle) + y * sin(angle), y * cos(angle) - x * sin(angle)
    weights = np.exp(-((u / along) ** 2 + (v / across) ** 2) / 2)
    kernel: NDArray[np.float32] = (weights / weights.sum()).astype(np.float32)
    return kernel


def blurred(image: Pixels, kernel: NDArray[np.float32]) -> NDArray[np.uint8]:
    """An RGB image (H, W, 3) in 0..255 under a kernel; outside lies its outermost pixel."""
    height, width = image.shape[:2]
    radius = len(kernel) // 2
    size = [16 * ceil((length + 2 * radius) / 16) for length in (height, width)]  # fast lengths
    ends = [(radius, n - length - radius) for n, length in zip(size, (height, width), strict=True)]
    planes = np.pad(image.transpose(2, 0, 1), [(0, 0), *ends], mode="edge").astype(np.float32)
    spectrum = np.fft.rfft2(planes) * np.fft.rfft2(kernel, size)
    result = np.fft.irfft2(spectrum, size)[:, 2 * radius :, 2 * radius :]
    inside = result[:, :height, :width].transpose(1, 2, 0)
    rounded: NDArray[np.uint8] = np.rint(inside).clip(0, 255).astype(np.uint8)
    return rounded
