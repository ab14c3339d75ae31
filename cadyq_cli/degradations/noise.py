"""Noise of sensors and films."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MIDDLE_GRAY = 127.5


def noisy(
    image: NDArray[np.uint8],
    level: float,
    random: np.random.Generator,
    *,
    colour: bool,
    signal: bool,
) -> NDArray[np.uint8]:
    """An RGB image (H, W, 3) with white Gaussian noise, rounded to whole values and clipped.

    Args:
        image: In 0..255.
        level: Standard deviation in 0..255.
        random: Where the noise comes from.
        colour: Independent in the three channels; else the same in each.
        signal: The variance is in proportion to a pixel's value, as where photons are counted, and
            `level` is that of middle gray.
    """
    shape = image.shape if colour else (*image.shape[:2], 1)
    noise = random.standard_normal(shape, np.float32) * np.float32(level)
    values = image.astype(np.float32)
    if signal:
        noise = noise * np.sqrt(values / np.float32(MIDDLE_GRAY))
    result: NDArray[np.uint8] = np.rint(values + noise).clip(0, 255).astype(np.uint8)
    return result
