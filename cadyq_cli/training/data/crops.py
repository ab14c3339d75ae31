"""What is learned from: crops of photographs, shrunk by MATLAB's bicubic, and maybe degraded."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cadyq_cli.degradations.degradation import Degradation
from cadyq_cli.degradations.degrading import degraded_part
from cadyq_cli.errors import InputError
from cadyq_cli.imaging.resize import crop_to_multiple
from cadyq_cli.training.data.photographs import Photographs

Pixels = NDArray[Any]

_DRAWS = 1000  # of photographs, before all are taken to be too small
CANDIDATES = 8  # crops that a preference chooses from
FAINTEST, LEVEL = 0.1, 1  # added to a crop's gradient and deviation, so that none weighs 0
_HARM = 1  # of the random numbers of a crop, those that its degradation takes


class Batch(NamedTuple):
    """Crops of one step, RGB, uint8."""

    low: Tensor  # (N, 3, patch, patch), as a network gets to see it
    high: Tensor  # (N, 3, scale patch, scale patch)
    clean: Tensor  # `low` before its degradation; the same tensor where there is none


class _Place(NamedTuple):
    """Where a crop is."""

    low: Pixels  # the whole photograph
    high: Pixels  # `scale` times as large
    part: tuple[slice, slice]  # of `low`

    @property
    def clean(self) -> Pixels:
        return self.low[self.part]

    @property
    def truth(self) -> Pixels:
        scale = len(self.high) // len(self.low)
        rows, columns = (slice(scale * each.start, scale * each.stop) for each in self.part)
        return self.high[rows, columns]


class Crops:
    """Batches of aligned low- and high-resolution crops.

    The random numbers of a crop depend on the seed, the step and the crop's place in the batch
    alone: whoever cuts it, and whatever was cut before, it is the same. Those of its degradation
    are others, so that the same parts of photographs are seen with and without one.

    Args:
        files: Images, see `survey`.
        scale: How much smaller the low resolution is, where a batch is not told otherwise.
        seed: Of the random numbers.
        texture: Of several crops, each is taken with a probability proportional to this power of
            its mean gradient; 0 takes any.
        contrast: Likewise, to this power of its standard deviation.
        sizes: Of the photographs, as `Photographs.high` takes them; each is as likely.
        degradation: What low resolution goes through.
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
        degradation: Degradation = Degradation(),  # noqa: B008, immutable
        photographs: Photographs | None = None,
    ) -> None:
        self._files = files
        self._scale = scale
        self._seed = seed
        self._texture, self._contrast = texture, contrast
        self._sizes = sizes
        self._degradation = degradation
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
        low, high, _ = self.pixels(step, range(size), patch, scale=scale)
        return low.float().div_(255), high.float().div_(255)

    def pixels(self, step: int, places: range, patch: int, *, scale: int | None = None) -> Batch:
        """Some places of a step's batch; else as `batch`."""
        crops = [self._crop(step, place, patch, scale or self._scale) for place in places]
        low, high, clean = (
            torch.from_numpy(np.stack(side)).permute(0, 3, 1, 2)
            for side in zip(*crops, strict=True)
        )
        return Batch(low, high, clean if self._degradation.happens else low)

    def _crop(
        self, step: int, number: int, patch: int, scale: int
    ) -> tuple[Pixels, Pixels, Pixels]:
        random = np.random.default_rng((self._seed, step, number))
        if self._texture or self._contrast:
            places = [self._anywhere(random, patch, scale) for _ in range(CANDIDATES)]
            weights = np.array([self._interest(place.clean) for place in places])
            place = places[int(random.choice(len(places), p=weights / weights.sum()))]
        else:
            place = self._anywhere(random, patch, scale)
        turns, flip = int(random.integers(4)), bool(random.integers(2))

        def turned(side: Pixels) -> Pixels:
            side = np.rot90(side, turns)
            return side[:, ::-1] if flip else side

        clean, truth = turned(place.clean), turned(place.truth)
        if not self._degradation.happens:
            return clean, truth, clean
        harm = np.random.default_rng((self._seed, step, number, _HARM))
        low = degraded_part(self._degradation, place.high, place.low, place.part, harm)
        return turned(low), truth, clean

    def _anywhere(self, random: np.random.Generator, patch: int, scale: int) -> _Place:
        for _ in range(_DRAWS):
            file = self._files[int(random.integers(len(self._files)))]
            size = self._sizes[int(random.integers(len(self._sizes)))]
            high = self._photographs.high(file, size)
            if min(high.shape[:2]) >= patch * scale:
                break
        else:
            raise too_small(patch * scale)
        low = self._photographs.low(file, scale, size)
        top, left = (int(random.integers(n - patch + 1)) for n in low.shape[:2])
        high = crop_to_multiple(high, scale)
        return _Place(low, high, (slice(top, top + patch), slice(left, left + patch)))

    def _interest(self, low: Pixels) -> float:
        """How likely a crop is to be taken, beside others."""
        green = low[..., 1].astype(np.float32)
        return float(_gradient(green) ** self._texture * _deviation(green) ** self._contrast)


def too_small(side: int) -> InputError:
    """What there is to say where no photograph has that many pixels a side."""
    return InputError(f"no photograph has the {side} px a side that a crop needs")


def _gradient(plane: Pixels) -> float:
    """Mean magnitude of the differences in 0..255, and a little more."""
    down, right = (np.abs(np.diff(plane, axis=axis)).mean() for axis in (0, 1))
    return float(down + right) + FAINTEST


def _deviation(plane: Pixels) -> float:
    """Standard deviation in 0..255, and a level more."""
    return float(plane.std()) + LEVEL
