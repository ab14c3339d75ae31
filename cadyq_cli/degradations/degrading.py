"""A picture's way from high resolution to what people have."""

from __future__ import annotations

from collections.abc import Sequence
from math import pi

import numpy as np
from numpy.typing import NDArray

from cadyq_cli.degradations.blur import blurred, gaussian
from cadyq_cli.degradations.compression import BLOCK, as_jpeg, as_webp
from cadyq_cli.degradations.degradation import Degradation
from cadyq_cli.degradations.noise import noisy
from cadyq_cli.degradations.resampling import resampled

Pixels = NDArray[np.uint8]
Random = np.random.Generator

FINE = 2


def degraded(by: Degradation, high: Pixels, low: Pixels, random: Random) -> Pixels:
    """Low resolution as people have it.

    Args:
        by: What may happen.
        high: RGB (scale H, scale W, 3).
        low: The same, shrunk by MATLAB's bicubic (H, W, 3): the result, if nothing happens.
        random: Decides what happens.
    """
    size = (low.shape[0], low.shape[1])
    clean = high
    if random.random() < by.blur:
        high = _out_of_focus(by, high, size, random)
    resampler = str(random.choice(by.resamplers))
    end = random.random()
    compressed = end < by.jpeg + by.webp
    twice = compressed and random.random() < by.twice
    first_size = size
    if twice:
        larger = _drawn(by.first_sizes, random)
        first_size = (round(size[0] * larger), round(size[1] * larger))
    as_given = high is clean and resampler == "bicubic" and first_size == size
    picture = low if as_given else resampled(high, first_size, resampler)
    if random.random() < by.noise:
        picture = _with_noise(by, picture, random)
    if twice:
        shift = (int(random.integers(BLOCK)), int(random.integers(BLOCK)))
        quality = _between(by.first_qualities, random)
        picture = as_jpeg(picture, quality, str(random.choice(by.subsamplings)), shift=shift)
        picture = resampled(picture, size, str(random.choice(by.resamplers)))
    if end < by.jpeg:
        quality = _between(by.jpeg_qualities, random)
        return as_jpeg(picture, quality, str(random.choice(by.subsamplings)))
    return as_webp(picture, _between(by.webp_qualities, random)) if compressed else picture


def degraded_by_name(by: Degradation, high: Pixels, low: Pixels, name: str) -> Pixels:
    """The same, where what happens to a picture depends on its name alone."""
    if not by.happens:
        return low
    return degraded(by, high, low, np.random.default_rng(list(name.encode(errors="replace"))))


def degraded_part(
    by: Degradation, high: Pixels, low: Pixels, part: tuple[slice, slice], random: Random
) -> Pixels:
    """A part (rows, columns) of low resolution, by its neighbourhood.

    It is what it would be in the whole picture: borders of the part show nowhere, and blocks of
    JPEG begin where they do in the whole.
    """
    scale = len(high) // len(low)
    around = [_around(each, length) for each, length in zip(part, low.shape[:2], strict=True)]
    rows, columns = (slice(each.start * scale, each.stop * scale) for each in around)
    result = degraded(by, high[rows, columns], low[around[0], around[1]], random)
    within = [
        slice(inner.start - outer.start, inner.stop - outer.start)
        for inner, outer in zip(part, around, strict=True)
    ]
    return result[within[0], within[1]]


def _around(part: slice, length: int) -> slice:
    """A block more at each side, and then whole blocks, as far as the picture reaches."""
    start = max(part.start // BLOCK - 1, 0) * BLOCK
    return slice(start, min((-(-part.stop // BLOCK) + 1) * BLOCK, length))


def _out_of_focus(by: Degradation, high: Pixels, size: tuple[int, int], random: Random) -> Pixels:
    """High resolution, blurred; at most `FINE` times as large as low resolution, to save time."""
    if len(high) > FINE * size[0]:
        high = resampled(high, (FINE * size[0], FINE * size[1]), "area")
    scale = len(high) / size[0]
    along = _drawn(by.blur_widths, random)
    across = along if random.random() < by.blur_round else _drawn(by.blur_widths, random)
    return blurred(high, gaussian(along * scale, across * scale, random.uniform(0, pi)))


def _with_noise(by: Degradation, picture: Pixels, random: Random) -> Pixels:
    level = _drawn(by.noise_levels, random)
    colour, signal = random.random() < by.noise_colour, random.random() < by.noise_signal
    return noisy(picture, level, random, colour=colour, signal=signal)


def _drawn(ends: Sequence[float], random: Random) -> float:
    return random.uniform(ends[0], ends[1])


def _between(ends: Sequence[int], random: Random) -> int:
    return int(random.integers(ends[0], ends[1] + 1))
