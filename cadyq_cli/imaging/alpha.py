"""Colour where nothing shows, so that it cannot bleed into what does."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cadyq_cli.imaging.resize import imresize

Pixels = NDArray[Any]


def bled(pixels: Pixels, alpha: Pixels) -> Pixels:
    """Give fully transparent pixels the colours of the visible ones around them.

    Files hold any colour there, often black or white, and enlarging mixes it into the visible
    edge, where it shows as a fringe. Neighbours count by their alpha, as in premultiplied colour,
    but visible pixels stay exactly as they are, and nothing has to be divided out again.

    Args:
        pixels: (H, W, 3), uint8 or uint16.
        alpha: (H, W), 0 where nothing shows.

    Returns:
        The pixels, (H, W, 3); the same array if everything shows, or nothing.
    """
    if alpha.all() or not alpha.any():
        return pixels
    weight = alpha[..., None] / np.float32(np.iinfo(alpha.dtype).max)
    filled = _filled(pixels.astype(np.float32), weight.astype(np.float32))
    white = np.iinfo(pixels.dtype).max
    rounded = np.floor(filled + 0.5).clip(0, white).astype(pixels.dtype)
    return np.where(alpha[..., None] > 0, pixels, rounded)


def _filled(colour: Pixels, weight: Pixels) -> Pixels:
    """The colours; where the weight is 0, those of half the size, filled in the same way."""
    if weight.all():
        return colour
    coarse_weight = _quad_sums(weight)
    coarse = _quad_sums(colour * weight) / np.maximum(coarse_weight, 1e-6)
    coarse = _filled(coarse, np.minimum(coarse_weight, 1))
    height, width = colour.shape[:2]
    return np.where(weight > 0, colour, imresize(coarse, 2)[:height, :width])


def _quad_sums(plane: Pixels) -> Pixels:
    """Sums over 2x2 pixels each; beyond the edge lies 0."""
    height, width = plane.shape[:2]
    plane = np.pad(plane, ((0, height % 2), (0, width % 2), (0, 0)))
    return plane[::2, ::2] + plane[1::2, ::2] + plane[::2, 1::2] + plane[1::2, 1::2]
