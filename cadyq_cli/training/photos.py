"""Training pairs: random crops of photographs and what MATLAB's bicubic makes of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cadyq_cli.errors import InputError
from cadyq_cli.imaging.files import read
from cadyq_cli.imaging.resize import crop_to_multiple, imresize

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff"})


def find(folders: Sequence[Path]) -> list[Path]:
    """The image files below some folders, in a fixed order.

    Raises:
        InputError: a folder is missing, or there is no image at all.
    """
    files: list[Path] = []
    for folder in folders:
        if not folder.exists():
            raise InputError(f"{folder}: no such file or folder")
        inside = [folder] if folder.is_file() else sorted(folder.rglob("*"))
        files += [file for file in inside if file.suffix.lower() in SUFFIXES]
    if not files:
        raise InputError(f"{', '.join(map(str, folders))}: holds no images")
    return files


class Photos:
    """Batches of aligned low- and high-resolution crops, the same for the same seed and step.

    Each photograph is decoded and shrunk once and then kept in memory.
    """

    def __init__(self, files: Sequence[Path], scale: int, *, seed: int = 0) -> None:
        self._files = files
        self._scale = scale
        self._seed = seed
        self._pairs: dict[int, tuple[NDArray[Any], NDArray[Any]]] = {}

    def batch(self, step: int, size: int, patch: int) -> tuple[Tensor, Tensor]:
        """The crops of one step.

        Args:
            step: Which batch; each step has its own random numbers.
            size: Images.
            patch: Low-resolution pixels a side.

        Returns:
            Low resolution (N, 3, patch, patch) and high resolution, RGB, float32, 0..1.
        """
        random = np.random.default_rng((self._seed, step))
        crops = [self._crop(random, patch) for _ in range(size)]
        low, high = (
            torch.from_numpy(np.stack(side)).permute(0, 3, 1, 2).float().div_(255)
            for side in zip(*crops, strict=True)
        )
        return low, high

    def _crop(self, random: np.random.Generator, patch: int) -> tuple[NDArray[Any], NDArray[Any]]:
        low, high = self._pair(int(random.integers(len(self._files))))
        while min(low.shape[:2]) < patch:  # too small for this patch: another one
            low, high = self._pair(int(random.integers(len(self._files))))
        top, left = (int(random.integers(n - patch + 1)) for n in low.shape[:2])
        s = self._scale
        low = low[top : top + patch, left : left + patch]
        high = high[s * top : s * (top + patch), s * left : s * (left + patch)]
        turns, flip = int(random.integers(4)), bool(random.integers(2))
        low, high = np.rot90(low, turns), np.rot90(high, turns)
        return (low[:, ::-1], high[:, ::-1]) if flip else (low, high)

    def _pair(self, index: int) -> tuple[NDArray[Any], NDArray[Any]]:
        if index not in self._pairs:
            high = crop_to_multiple(read(self._files[index]).pixels, self._scale)
            self._pairs[index] = (imresize(high, 1 / self._scale), high)
        return self._pairs[index]
