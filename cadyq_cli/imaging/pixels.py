"""The one place where whole pixel values become network values, 0..1, and back."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray


def to_planes(pixels: NDArray[np.uint8 | np.uint16]) -> NDArray[np.float32]:
    """Pixels (..., H, W, C), uint8 or uint16, as float32 planes (..., C, H, W) in 0..1.

    The result is a new, contiguous array. `from_planes` gives the same pixels back exactly.
    """
    planes = np.ascontiguousarray(np.moveaxis(pixels, -1, -3), dtype=np.float32)
    planes /= np.float32(peak(pixels.dtype))
    return planes


def from_planes(planes: NDArray[np.floating[Any]], dtype: DTypeLike = np.uint8) -> NDArray[Any]:
    """Planes (..., C, H, W) as pixels (..., H, W, C) of `dtype`, uint8 or uint16.

    1 is white. Values are rounded half up; what lies outside 0..1 is clipped.
    """
    white = np.float32(peak(dtype))
    scaled = np.moveaxis(planes, -3, -1) * white
    scaled += np.float32(0.5)
    return np.ascontiguousarray(scaled.clip(0, white).astype(dtype))


def peak(dtype: DTypeLike) -> int:
    """The value of white.

    Raises:
        ValueError: the type is neither uint8 nor uint16.
    """
    if np.dtype(dtype) not in (np.uint8, np.uint16):
        raise ValueError(f"pixels are uint8 or uint16, not {np.dtype(dtype)}")
    return int(np.iinfo(dtype).max)
