"""Crops cut on the device that learns from them, where a processor could not keep up with it."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from cadyq_cli.errors import InputError
from cadyq_cli.imaging.resize import crop_to_multiple
from cadyq_cli.training.data.crops import (
    CANDIDATES,
    FAINTEST,
    LEVEL,
    Batch,
    Crops,
    Pixels,
    too_small,
)


class _Side(NamedTuple):
    """All photographs of one resolution, one after the other."""

    pixels: Tensor  # (pixels of all, 3), uint8
    starts: Tensor  # (M,), where each begins
    widths: Tensor  # (M,)
    heights: Tensor  # (M,)

    def cut(self, which: Tensor, top: Tensor, left: Tensor, length: int, turned: Tensor) -> Tensor:
        """Square parts, RGB, (N, 3, length, length), each as it looks in one of 8 orientations.

        Args:
            which: Photographs, (N,).
            top, left: Where the parts begin, px, (N,).
            length: Of a side, px.
            turned: Whether axes are exchanged, then which of them are reversed; (3, N), bool.
        """
        steps = torch.arange(length, device=which.device)
        swapped, upward, leftward = (each.view(-1, 1, 1) for each in turned)
        down, right = steps.view(-1, 1), steps.view(1, -1)
        rows, columns = torch.where(swapped, right, down), torch.where(swapped, down, right)
        rows = torch.where(upward, length - 1 - rows, rows) + top.view(-1, 1, 1)
        columns = torch.where(leftward, length - 1 - columns, columns) + left.view(-1, 1, 1)
        start, width = self.starts[which].view(-1, 1, 1), self.widths[which].view(-1, 1, 1)
        return self.pixels[start + rows * width + columns].permute(0, 3, 1, 2)


class DeviceCrops(Crops):
    """Crops as `Crops` cuts them, of photographs that all lie in the memory of a device.

    They are drawn from the same distribution by other random numbers: those of a batch depend on
    the seed, the step and the places that are asked for. One scale, and no degradation.

    Args:
        device: Where the photographs are kept, whole and shrunk.
        others: As for `Crops`.

    Raises:
        InputError: a degradation.
        ImageError: a file cannot be read.
    """

    def __init__(
        self, files: Sequence[Path], scale: int, *, device: torch.device, **others: Any
    ) -> None:
        super().__init__(files, scale, **others)
        if self._degradation.happens:
            raise InputError("`degrade`: crops that are cut on a device are not degraded")
        self._device = device
        seen = [(file, size) for file in files for size in self._sizes]
        with ThreadPoolExecutor() as pool:
            highs = [*pool.map(lambda each: self._photographs.high(*each), seen)]
            lows = [*pool.map(lambda each: self._photographs.low(each[0], scale, each[1]), seen)]
        self._low = self._side(lows)
        self._high = self._side([crop_to_multiple(high, scale) for high in highs])

    def pixels(self, step: int, places: range, patch: int, *, scale: int | None = None) -> Batch:
        """Some places of a step's batch; see `Crops.batch`.

        Raises:
            InputError: no photograph is large enough.
            ValueError: another scale than that of the photographs.
        """
        if scale not in (None, self._scale):
            raise ValueError(f"the photographs are x{self._scale}, not x{scale}")
        random = self._random(step, places)
        which, top, left = self._drawn(random, len(places), patch)
        turned = torch.rand(3, len(which), generator=random, device=self._device) < 0.5
        low = self._low.cut(which, top, left, patch, turned)
        top, left = self._scale * top, self._scale * left
        return Batch(low, self._high.cut(which, top, left, self._scale * patch, turned), low)

    def _random(self, step: int, places: range) -> torch.Generator:
        entropy = np.random.SeedSequence((self._seed, step, places.start, places.stop))
        random = torch.Generator(self._device)
        random.manual_seed(int(entropy.generate_state(1, np.uint64)[0]))
        return random

    def _drawn(
        self, random: torch.Generator, count: int, patch: int
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Photographs, and where crops begin in their low resolution; all (count,)."""
        heights, widths = self._low.heights, self._low.widths
        (fitting,) = torch.where((heights >= patch) & (widths >= patch))
        if not len(fitting):
            raise too_small(patch * self._scale)
        draws = (CANDIDATES if self._texture or self._contrast else 1) * count

        def below(limits: Tensor) -> Tensor:
            shares = torch.rand(draws, generator=random, device=self._device, dtype=torch.float64)
            return (shares * limits).long()

        which = fitting[below(torch.full_like(fitting[:1], len(fitting)))]
        top, left = (below(sides[which] - patch + 1) for sides in (heights, widths))
        if draws > count:
            upright = torch.zeros(3, draws, dtype=torch.bool, device=self._device)
            weights = self._interests(self._low.cut(which, top, left, patch, upright))
            chosen = torch.multinomial(weights.view(count, CANDIDATES), 1, generator=random)
            taken = chosen.flatten() + CANDIDATES * torch.arange(count, device=self._device)
            which, top, left = which[taken], top[taken], left[taken]
        return which, top, left

    def _interests(self, low: Tensor) -> Tensor:
        """Of crops (N, 3, H, W), as `Crops` tells it."""
        green = low[:, 1].float()
        slopes = sum(green.diff(dim=dim).abs().mean((1, 2)) for dim in (1, 2))
        spread = green.std((1, 2), correction=0)
        return (slopes + FAINTEST) ** self._texture * (spread + LEVEL) ** self._contrast

    def _side(self, images: Sequence[Pixels]) -> _Side:
        """Images (H, W, 3) on the device."""
        sizes = [image.shape[0] * image.shape[1] for image in images]
        pixels = torch.empty(sum(sizes), 3, dtype=torch.uint8, device=self._device)
        for part, image in zip(pixels.split(sizes), images, strict=True):
            part.copy_(torch.from_numpy(np.array(image)).view(-1, 3))
        heights, widths = (
            torch.tensor([image.shape[axis] for image in images], device=self._device)
            for axis in (0, 1)
        )
        area = heights * widths
        return _Side(pixels, area.cumsum(0) - area, widths, heights)
