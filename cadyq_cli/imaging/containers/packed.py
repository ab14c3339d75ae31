"""Pixels whose channels share the bits of one number, by masks."""

from __future__ import annotations

from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cadyq_cli.imaging.containers.coded import Decoded

_DEEPEST = 16  # bits of a channel that are kept


class Packed(NamedTuple):
    """Where such pixels stand in a file, and how."""

    file: BinaryIO
    place: int
    width: int
    height: int  # negative if the first row is on top
    bits: int  # of a pixel, 16 or 32
    masks: tuple[int, ...]  # of red, green, blue and alpha; 0 where there is none

    @property
    def kind(self) -> str:
        """The only kind that packs pixels so."""
        return "BMP"

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.width, abs(self.height)

    def decoded(self) -> Decoded:
        """RGB (H, W, 3) and alpha (H, W), or no alpha: uint8, or uint16 for more than 8 bits.

        Raises:
            OSError: the file is truncated.
        """
        rows, line = abs(self.height), -(-self.width * self.bits // 32) * 4  # bytes
        self.file.seek(self.place)
        data = self.file.read(rows * line)
        if len(data) < rows * line:
            raise OSError("image file is truncated")
        numbers = np.frombuffer(data, f"<u{self.bits // 8}").reshape(rows, -1)[:, : self.width]
        numbers = numbers if self.height < 0 else numbers[::-1]
        dtype = np.uint16 if max(map(_width, self.masks)) > 8 else np.uint8
        *colours, alpha = (_channel(numbers, mask, dtype) for mask in self.masks)
        return Decoded(np.stack(colours, axis=-1), alpha if self.masks[3] else None)


def _width(mask: int) -> int:
    """How many bits a mask spans."""
    return (mask // (mask & -mask)).bit_length() if mask else 0


def _channel(numbers: NDArray[Any], mask: int, dtype: type) -> NDArray[Any]:
    """The bits that a mask selects, stretched so that all of them are white."""
    if mask == 0:
        return np.zeros(numbers.shape, dtype)
    lowest, width = (mask & -mask).bit_length() - 1, _width(mask)
    dropped = max(0, width - _DEEPEST)
    codes = (numbers & numbers.dtype.type(mask)) >> (lowest + dropped)
    white, largest = int(np.iinfo(dtype).max), (1 << (width - dropped)) - 1
    levels = (np.arange(largest + 1) * 2 * white + largest) // (2 * largest)
    channel: NDArray[Any] = levels.astype(dtype)[codes]
    return channel
