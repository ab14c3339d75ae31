"""Crops of pictures, as large as they are and shrunk, to try a network on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cadyq_cli.degradations.degradation import Degradation
from cadyq_cli.degradations.degrading import degraded
from cadyq_cli.imaging.resize import imresize

SIDE = 64  # pixels of a crop, as the network reads it
SIZES = (1.0, 0.7, 0.5)  # of the pictures, where they are large enough

Pixels = NDArray[np.uint8]


class Crops(NamedTuple):
    """Crops, and the part of the picture that each was made from; at scale 1 the same."""

    low: Tensor  # (N, 3, SIDE, SIDE), RGB, 0..1
    high: Tensor  # (N, 3, SIDE * scale, SIDE * scale)
    picture: Tensor  # (N,), which one it is of


def crops_of(
    pictures: Sequence[Pixels],
    scale: int,
    count: int,
    random: np.random.Generator,
    degradation: Degradation = Degradation(),  # noqa: B008, immutable
) -> Crops:
    """Cut crops at random places, from the pictures in turn.

    What is too small for one is continued by its mirror image.

    Args:
        pictures: RGB, (H, W, 3).
        scale: Of the network.
        count: How many to cut.
        random: Chooses places and sizes.
        degradation: What low resolution goes through.
    """
    picture = torch.arange(count) % len(pictures)
    pairs = [_pair(pictures[i], scale, random) for i in picture]
    if degradation.happens:
        pairs = [(degraded(degradation, high, low, random), high) for low, high in pairs]
    low, high = (np.stack(each) for each in zip(*pairs, strict=True))
    return Crops(_tensor(low), _tensor(high), picture)


def _pair(picture: Pixels, scale: int, random: np.random.Generator) -> tuple[Pixels, Pixels]:
    side = SIDE * scale
    fitting = [size for size in SIZES if min(picture.shape[:2]) * size >= side]
    size = random.choice(fitting) if fitting else 1.0
    part = _cut(picture, round(side / size), random)
    high = part if size == 1 else imresize(part, (side, side))
    return (high if scale == 1 else imresize(high, 1 / scale)), high


def _cut(picture: Pixels, side: int, random: np.random.Generator) -> Pixels:
    missing = [max(0, side - length) for length in picture.shape[:2]]
    if any(missing):
        picture = np.pad(picture, [(0, missing[0]), (0, missing[1]), (0, 0)], "symmetric")
    top, left = (int(random.integers(length - side + 1)) for length in picture.shape[:2])
    return picture[top : top + side, left : left + side]


def _tensor(pixels: Pixels) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))).float() / 255
