"""MATLAB's bicubic `imresize`, bit for bit, which the papers make their small images with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[Any]

_BLOCK = 1 << 16  # samples of one output block; its float64 sums and gathered rows fit the L2 cache


def imresize(image: Pixels, to: float | tuple[int, int], *, rows: slice = slice(None)) -> Pixels:
    """Resize by cubic convolution (a = -0.5), widening the kernel where the image shrinks.

    Rows are resized first, then columns (the axis that shrinks more comes first where the two
    differ). Integer images are rounded half up and clipped after each of the two passes, as
    MATLAB does; float images are never rounded or clipped. Outside the image lies its mirror image,
    as in MATLAB since R2012 and in the usual benchmark files.

    Args:
        image: (H, W) or (H, W, C); uint8, uint16, float32 or float64.
        to: The scale, or the (height, width) of the result. A scale rounds the size up.
        rows: Which rows of the result to compute.

    Returns:
        Those rows of the resized image, of the same type and number of axes.

    Raises:
        ValueError: an unsupported shape or type, an empty image, or a size that is not positive.

    Source: MATLAB's `imresize(A, scale, 'bicubic')`; R. Keys, "Cubic convolution interpolation for
    digital image processing", 1981.
    """
    if image.ndim not in (2, 3) or image.size == 0:
        raise ValueError(f"cannot resize an image of shape {image.shape}")
    if image.dtype not in (np.uint8, np.uint16, np.float32, np.float64):
        raise ValueError(f"cannot resize {image.dtype} pixels")
    size = image.shape[:2]
    if isinstance(to, tuple):
        target, scales = to, (to[0] / size[0], to[1] / size[1])
    else:
        target, scales = (ceil(to * size[0]), ceil(to * size[1])), (to, to)
    if min(target) < 1:
        raise ValueError(f"cannot resize {size} px to {target} px")

    return _resized(image, 0, size, target, scales, rows)


def resized_bands(
    bands: Iterable[Pixels], size: tuple[int, int], target: tuple[int, int]
) -> Iterator[Pixels]:
    """`imresize` of an image that comes band by band, as bands of the result.

    Memory holds little more than one band.

    Args:
        bands: Rows from the top, (n, W) or (n, W, C), any number at a time.
        size: Height and width of the whole that they make.
        target: Height and width of the result.
    """
    scales = (target[0] / size[0], target[1] / size[1])
    where, _ = _taps(size[0], target[0], scales[0])
    first = np.minimum.accumulate(where.min(axis=0)[::-1])[::-1]  # row that is still needed
    last = np.maximum.accumulate(where.max(axis=0))  # row that must have come
    window, start, done = None, 0, 0
    for band in bands:
        window = band if window is None else np.concatenate([window, band])
        ready = int(np.searchsorted(last, start + len(window)))
        if ready > done:
            rows = slice(done, ready)
            yield _resized(window, start, size, target, scales, rows)
            done = ready
        if done < target[0]:
            window = window[first[done] - start :]
            start = int(first[done])


def crop_to_multiple(image: Pixels, scale: int) -> Pixels:
    """A view of `image` without the last rows and columns that exceed a multiple of `scale`."""
    height, width = image.shape[:2]
    return image[: height - height % scale, : width - width % scale]


def _cubic(x: NDArray[np.float64]) -> NDArray[np.float64]:
    x = np.abs(x)
    near = (1.5 * x - 2.5) * x * x + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return np.where(x <= 1, near, np.where(x <= 2, far, 0.0))


@lru_cache(maxsize=64)
def _taps(length: int, target: int, scale: float) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """What each output sample is made of: input positions and weights, both (taps, target)."""
    shrink = min(scale, 1.0)
    width = 4 / shrink
    centre = (np.arange(target) + 1) / scale + 0.5 * (1 - 1 / scale) - 1
    first = np.floor(centre - width / 2).astype(np.intp)
    where = first + np.arange(ceil(width) + 2)[:, None]
    weights = shrink * _cubic(shrink * (centre - where))
    weights /= weights.sum(axis=0)
    used = weights.any(axis=1)
    where, weights = where[used], weights[used]
    where %= 2 * length
    where = np.minimum(where, 2 * length - 1 - where)
    where.flags.writeable = weights.flags.writeable = False  # shared by all callers
    return where, weights


def _resized(
    window: Pixels,
    start: int,
    size: tuple[int, int],
    target: tuple[int, int],
    scales: tuple[float, float],
    rows: slice,
) -> Pixels:
    """Some rows of the result, from a window of the image's rows that begins at `start`."""
    where, weights = _taps(size[0], target[0], scales[0])
    where, weights = where[:, rows], weights[:, rows]
    first, last = where.min(), where.max() + 1
    taps = (where - first, weights), _taps(size[1], target[1], scales[1])
    image = window[first - start : last - start]
    for axis in sorted((0, 1), key=scales.__getitem__):
        lines = np.ascontiguousarray(image.swapaxes(0, axis))
        image = _resize_rows(lines, *taps[axis]).swapaxes(0, axis)
    return np.ascontiguousarray(image)


def _resize_rows(rows: Pixels, where: NDArray[np.intp], weights: NDArray[np.float64]) -> Pixels:
    """Weighted sums of rows, in float64, back to the type of `rows`."""
    taps, target = where.shape
    result = np.empty((target, *rows.shape[1:]), rows.dtype)
    block = max(1, _BLOCK // rows[0].size)
    whole = np.issubdtype(rows.dtype, np.integer)
    for start in range(0, target, block):
        span = slice(start, start + block)
        column = weights[:, span].reshape(taps, -1, *[1] * (rows.ndim - 1))
        total = rows[where[0, span]] * column[0]
        for tap in range(1, taps):
            total += rows[where[tap, span]] * column[tap]
        if whole:
            total = np.floor(total + 0.5).clip(0, np.iinfo(rows.dtype).max)
        result[span] = total
    return result
