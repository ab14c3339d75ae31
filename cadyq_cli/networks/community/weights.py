"""The tensors of another program's network, of which every one has to be understood."""

from __future__ import annotations

import re
from math import isqrt

import torch
from torch import Tensor

from cadyq_cli.networks.format import SCALES
from cadyq_cli.networks.state_dicts import State


class Weights:
    """A state dict from which each tensor is taken once, in the shape that belongs there."""

    def __init__(self, state: State) -> None:
        self._left = dict(state)

    def __contains__(self, name: str) -> bool:
        return name in self._left

    def outputs(self, name: str) -> int:
        """The length of a tensor's first axis.

        Raises:
            ValueError: there is no such tensor, or it is a single number.
        """
        if name not in self._left:
            raise ValueError(f"it lacks {name}")
        if not self._left[name].dim():
            raise ValueError(f"{name} is a single number")
        return self._left[name].shape[0]

    def count(self, pattern: str) -> int:
        """The highest number that a pattern's group takes in the names; -1 if it fits none."""
        found = (re.match(pattern, name) for name in self._left)
        return max((int(match[1]) for match in found if match), default=-1)

    def take(self, name: str, *shape: int) -> Tensor:
        """A tensor, in float64.

        Raises:
            ValueError: there is no such tensor, or it has another shape.
        """
        if name not in self._left:
            raise ValueError(f"it lacks {name}")
        value = self._left.pop(name)
        if tuple(value.shape) != shape:
            raise ValueError(f"{name} has the shape {tuple(value.shape)} where {shape} belongs")
        return value.detach().double()

    def convolution(self, name: str, *shape: int) -> tuple[Tensor, Tensor]:
        """A convolution's kernels and biases; these are 0 where it has none."""
        kernels = self.take(f"{name}.weight", *shape)
        if f"{name}.bias" not in self:
            return kernels, torch.zeros(shape[0], dtype=torch.float64)
        return kernels, self.take(f"{name}.bias", shape[0])

    def drop(self, name: str) -> None:
        """Leave a tensor out, if there is one, that has no say in the result."""
        self._left.pop(name, None)

    def check_all_taken(self) -> None:
        """Refuse what nothing was made of.

        Raises:
            ValueError: there is something left.
        """
        if self._left:
            first = next(iter(self._left))
            raise ValueError(
                f"it has {len(self._left)} entries too many, for instance {first:.100}"
            )


def scale_of(outputs: int) -> int:
    """How many times as large a result is of which the last layer gives so many numbers a pixel.

    Raises:
        ValueError: there is no such scale.
    """
    scale = isqrt(outputs // 3)
    if 3 * scale**2 != outputs or scale not in SCALES:
        raise ValueError(f"its last layer gives {outputs} numbers a pixel, not 3, 12, 27, 48 ...")
    return scale
