"""PSNR and SSIM as super-resolution papers report them."""

from __future__ import annotations

from math import inf, log10
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cadyq_cli.imaging.colour import luma

Image = NDArray[Any]

_WINDOW = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))  # one axis of the separable window
_WINDOW /= _WINDOW.sum()


def psnr(image: Image, truth: Image, *, border: int, peak: float = 255) -> float:
    """Peak signal-to-noise ratio over all pixels and channels.

    Args:
        image: (H, W) or (H, W, C), 0..peak, any dtype. Papers round and clip it to 8 bit first.
        truth: The same for the ground truth.
        border: Pixels to leave out at each edge; papers use the scale.
        peak: The value of white.

    Returns:
        Decibels; inf where both agree.

    Raises:
        ValueError: the shapes differ, or the border leaves nothing to compare.
    """
    a, b = _compared(image, truth, border, smallest=1)
    error = float(np.mean((a - b) ** 2))
    return 10 * log10(peak**2 / error) if error else inf


def ssim(image: Image, truth: Image, *, border: int, peak: float = 255) -> float:
    """Structural similarity, averaged over pixels and channels; 1 where both agree.

    Gaussian window of 11x11 px, sigma 1.5 px; only where it lies within the image without its
    border. Arguments as for `psnr`.

    Raises:
        ValueError: the shapes differ, or the border leaves less than one window.

    Source: Wang, Bovik, Sheikh, Simoncelli, "Image quality assessment: from error visibility to
    structural similarity", 2004, K1 = 0.01, K2 = 0.03; their `ssim_index.m`, not downsampled.
    """
    a, b = _compared(image, truth, border, smallest=_WINDOW.size)
    c1, c2 = (0.01 * peak) ** 2, (0.03 * peak) ** 2
    mean_a, mean_b = _blur(a), _blur(b)
    product = mean_a * mean_b
    squares = mean_a**2 + mean_b**2
    covariance = _blur(a * b) - product
    variances = _blur(a * a + b * b) - squares
    similarity = (2 * product + c1) * (2 * covariance + c2) / ((squares + c1) * (variances + c2))
    return float(similarity.mean())


def psnr_y(image: Image, truth: Image, *, border: int) -> float:
    """`psnr` on the luma of two RGB images (H, W, 3), 0..255."""
    return psnr(luma(image), luma(truth), border=border)


def _blur(plane: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weighted means under every position of the window that lies within the plane."""
    for axis in (0, 1):
        length = plane.shape[axis] - _WINDOW.size + 1
        rows = plane.swapaxes(0, axis)
        blurred = sum(w * rows[k : k + length] for k, w in enumerate(_WINDOW))
        plane = np.asarray(blurred).swapaxes(0, axis)
    return plane


def _compared(
    image: Image, truth: Image, border: int, smallest: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if image.shape != truth.shape or image.ndim not in (2, 3):
        raise ValueError(f"cannot compare images of shapes {image.shape} and {truth.shape}")
    height, width = image.shape[:2]
    if border < 0 or min(height, width) - 2 * border < smallest:
        raise ValueError(f"a {border=} px leaves too little of {width}x{height} px to compare")
    inside = np.s_[border : height - border, border : width - border]
    return image[inside].astype(np.float64), truth[inside].astype(np.float64)
