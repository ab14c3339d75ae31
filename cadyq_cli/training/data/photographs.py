"""Photographs and their small versions, each made once."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from cadyq_cli.errors import ImageError
from cadyq_cli.imaging.files import read
from cadyq_cli.imaging.pixels import to_8_bits
from cadyq_cli.imaging.resize import crop_to_multiple, imresize
from cadyq_cli.training.data.store import Pixels, Store

_LARGE = re.compile(r"(?P<set>.+)_HR")  # DIV2K_train_HR holds 0001.png ...


class Photographs:
    """Decodes and shrinks photographs, and keeps what it made in a store.

    Where photographs lie in the layout of DIV2K, their own small versions are taken
    (``DIV2K_train_LR_bicubic/X4/0001x4.png`` beside ``DIV2K_train_HR/0001.png``); else they are
    made as MATLAB's `imresize` does, as those of photographs at a smaller size always are.
    """

    def __init__(self, store: Store | None = None) -> None:
        self._store = Store() if store is None else store

    def high(self, file: Path, size: float = 1) -> Pixels:
        """A photograph, RGB, (H, W, 3), with its sides at `size` of their length, 0..1.

        Raises:
            ImageError: it cannot be read.
        """
        if size == 1:
            return self._store.get(file, lambda: read_pixels(file))
        return self._store.get((file, size), lambda: imresize(self.high(file), size))

    def low(self, file: Path, scale: int, size: float = 1) -> Pixels:
        """The same, (H // scale, W // scale, 3).

        Raises:
            ImageError: a file cannot be read, or is not of that size.
        """
        return self._store.get((file, size, scale), lambda: self._small(file, scale, size))

    def check(self, file: Path, scales: Sequence[int]) -> Pixels:
        """The photograph, after a look at whether its own small versions are usable as well."""
        for scale in scales:
            if own_small(file, scale):
                self.low(file, scale)
        return self.high(file)

    def _small(self, file: Path, scale: int, size: float) -> Pixels:
        high = self.high(file, size)
        own = own_small(file, scale)
        if own is None or size < 1:
            return imresize(crop_to_multiple(high, scale), 1 / scale)
        low = read_pixels(own)
        if low.shape[:2] != tuple(length // scale for length in high.shape[:2]):
            raise ImageError(own, f"is not {file} at 1/{scale} of its size")
        return low


def own_small(file: Path, scale: int) -> Path | None:
    """The small version that comes with a photograph, in the layout of DIV2K."""
    match = _LARGE.fullmatch(file.parent.name)
    if match is None:
        return None
    folder = file.parent.with_name(f"{match['set']}_LR_bicubic") / f"X{scale}"
    small = folder / f"{file.stem}x{scale}{file.suffix}"
    return small if small.is_file() else None


def read_pixels(file: Path) -> Pixels:
    """An image as RGB, (H, W, 3), in 8 bit.

    Raises:
        ImageError: it cannot be read.
    """
    return to_8_bits(read(file).pixels)
