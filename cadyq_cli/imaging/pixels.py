"""The one place where whole pixel values become network values, 0..1, and back."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray


def to_values(pixels: NDArray[np.uint8 | np.uint16]) -> NDArray[np.float32]:
    """Pixels of any shape, uint8 or uint16, as float32 in 0..1.

    The result is a new, contiguous array. `from_values` gives the same pixels back exactly.
    """
    values = np.ascontiguousarray(pixels, dtype=np.float32)
    values /= np.float32(peak(pixels.dtype))
    return values


def from_values(values: NDArray[np.floating[Any]], dtype: DTypeLike = np.uint8) -> NDArray[Any]:
    """Values of any shape as pixels of `dtype`, uint8 or uint16.

    1 is white. Values are rounded half up; what lies outside 0..1 is clipped.
    """
    white = np.float32(peak(dtype))
    scaled = values * white
    scaled += np.float32(0.5)
    pixels: NDArray[Any] = scaled.clip(0, white, out=scaled).astype(dtype)
    return pixels


def to_8_bits(pixels: NDArray[np.uint8 | np.uint16]) -> NDArray[np.uint8]:
    """Pixels of any shape, uint8 or uint16, as the nearest ones of 8 bit; 65535 becomes 255."""
    if pixels.dtype == np.uint8:
        return np.ascontiguousarray(pixels, np.uint8)
    return ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)


def divided(colour: NDArray[Any], alpha: NDArray[Any]) -> NDArray[Any]:
    """Colours (H, W, C) that were multiplied by alpha (H, W) of the same type, as they were."""
    white, by = np.uint64(peak(colour.dtype)), np.maximum(alpha, 1)[..., None].astype(np.uint64)
    whole = (colour * white + by // np.uint64(2)) // by
    pixels: NDArray[Any] = np.minimum(whole, white).astype(colour.dtype)
    return pixels


def peak(dtype: DTypeLike) -> int:
    """The value of white.

    Raises:
        ValueError: the type is neither uint8 nor uint16.
    """
    if np.dtype(dtype) not in (np.uint8, np.uint16):
        raise ValueError(f"pixels are uint8 or uint16, not {np.dtype(dtype)}")
    return int(np.iinfo(dtype).max)
