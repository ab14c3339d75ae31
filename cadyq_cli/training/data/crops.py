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
from cadyq_cli.training.data.photographs import Photographs

Pixels = NDArray[Any]

_DRAWS = 1000  # of photographs, before all are taken to be too small
_CANDIDATES = 8  # crops that a preference chooses from


class Crops:
    """Batches of aligned low- and high-resolution crops.

    The random numbers of a crop depend on the seed, the step and the crop's place in the batch
    alone: whoever cuts it, and whatever was cut before, it is the same.

    Args:
        files: Images, see `survey`.
        scale: How much smaller the low resolution is, where a batch is not told otherwise.
        seed: Of the random numbers.
        texture: Of several crops, each is taken with a probability proportional to this power of
            its mean gradient; 0 takes any.
        contrast: Likewise, to this power of its standard deviation.
        sizes: Of the photographs, as `Photographs.high` takes them; each is as likely.
        photographs: What decodes photographs, and keeps them.
    """

    def __init__(
        self,
        files: Sequence[Path],
        scale: int,
        *,
        seed: int = 0,
        texture: float = 0.0,
        contrast: float = 0.0,
        sizes: Sequence[float] = (1.0,),
        photographs: Photographs | None = None,
    ) -> None:
        self._files = files
        self._scale = scale
        self._seed = seed
        self._texture, self._contrast = texture, contrast
        self._sizes = sizes
        self._photographs = Photographs() if photographs is None else photographs

    def batch(
        self, step: int, size: int, patch: int, *, scale: int | None = None
    ) -> tuple[Tensor, Tensor]:
        """The crops of one step.

        Args:
            step: Which batch.
            size: Images.
            patch: Low-resolution pixels a side.
            scale: Another scale than usual.

        Returns:
            Low resolution (N, 3, patch, patch) and high resolution, RGB, float32, 0..1.

        Raises:
            InputError: no photograph is large enough.
            ImageError: a file cannot be read.
        """
        low, high = self.pixels(step, range(size), patch, scale=scale)
        return low.float().div_(255), high.float().div_(255)

    def pixels(
        self, step: int, places: range, patch: int, *, scale: int | None = None
    ) -> tuple[Tensor, Tensor]:
        """Some places of a step's batch, as uint8; else as `batch`."""
        crops = [self._crop(step, place, patch, scale or self._scale) for place in places]
        low, high = (
            torch.from_numpy(np.stack(side)).permute(0, 3, 1, 2)
            for side in zip(*crops, strict=True)
        )
        return low, high

    def _crop(self, step: int, place: int, patch: int, scale: int) -> tuple[Pixels, Pixels]:
        random = np.random.default_rng((self._seed, step, place))
        if self._texture or self._contrast:
            crops = [self._anywhere(random, patch, scale) for _ in range(_CANDIDATES)]
            weights = np.array([self._interest(low) for low, _ in crops])
            low, high = crops[int(random.choice(len(crops), p=weights / weights.sum()))]
        else:
            low, high = self._anywhere(random, patch, scale)
        turns, flip = int(random.integers(4)), bool(random.integers(2))
        low, high = np.rot90(low, turns), np.rot90(high, turns)
        return (low[:, ::-1], high[:, ::-1]) if flip else (low, high)

    def _anywhere(
        self, random: np.random.Generator, patch: int, scale: int
    ) -> tuple[Pixels, Pixels]:
        for _ in range(_DRAWS):
            file = self._files[int(random.integers(len(self._files)))]
            size = self._sizes[int(random.integers(len(self._sizes)))]
            high = self._photographs.high(file, size)
            if min(high.shape[:2]) >= patch * scale:
                break
        else:
            raise InputError(f"no photograph has the {patch * scale} px a side that a crop needs")
        low = self._photographs.low(file, scale, size)
        top, left = (int(random.integers(n - patch + 1)) for n in low.shape[:2])
        rows, columns = (slice(scale * n, scale * (n + patch)) for n in (top, left))
        return low[top : top + patch, left : left + patch], high[rows, columns]

    def _interest(self, low: Pixels) -> float:
        """How likely a crop is to be taken, beside others."""
        green = low[..., 1].astype(np.float32)
        return float(_gradient(green) ** self._texture * _deviation(green) ** self._contrast)


def _gradient(plane: Pixels) -> float:
    """Mean magnitude of the differences in 0..255, plus a little, so that none weighs 0."""
    down, right = (np.abs(np.diff(plane, axis=axis)).mean() for axis in (0, 1))
    return float(down + right) + 0.1


def _deviation(plane: Pixels) -> float:
    """Standard deviation in 0..255, and a level more, as for the gradient."""
    return float(plane.std()) + 1
