"""Convolutions as plain tensors: taken from one network, changed, given to another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d

State = Mapping[str, Tensor]


@dataclass(frozen=True, slots=True)
class Kernel:
    """A convolution that keeps the image's size."""

    weight: Tensor  # (O, I, k, k), k odd
    bias: Tensor  # (O,)

    @classmethod
    def of(cls, state: State, name: str) -> Kernel:
        return cls(state[f"{name}.weight"], state[f"{name}.bias"])

    def __call__(self, x: Tensor) -> Tensor:
        return conv2d(x, self.weight, self.bias, padding=self.weight.shape[-1] // 2)

    @property
    def gain(self) -> Tensor:
        """What it makes of constant features, shape (O, I)."""
        return self.weight.sum((2, 3))

    def reading(self, basis: Tensor) -> Kernel:
        """The same of features that `basis` (I, I) turns into those it reads now."""
        return Kernel(torch.einsum("oihw,ij->ojhw", self.weight, basis), self.bias)

    def writing(self, basis: Tensor) -> Kernel:
        """What `basis` (O, O) makes of its features."""
        return Kernel(torch.einsum("po,oihw->pihw", basis, self.weight), basis @ self.bias)

    def raised(self, by: Tensor) -> Kernel:
        """With `by` (O,) added to its features."""
        return Kernel(self.weight, self.bias + by)

    def named(self, name: str) -> dict[str, Tensor]:
        """As entries of a network's state."""
        return {f"{name}.weight": self.weight, f"{name}.bias": self.bias}


@dataclass(frozen=True, slots=True)
class EdsrKernels:
    """The convolutions of an EDSR of any precision, in their order."""

    head: Kernel
    blocks: tuple[tuple[Kernel, Kernel], ...]
    body_end: Kernel
    upsampler: tuple[Kernel, ...]
    tail: Kernel

    @classmethod
    def of(cls, network: nn.Module) -> EdsrKernels:
        state = network.state_dict()
        names = [name.removesuffix(".weight") for name in state if name.endswith(".weight")]
        inner = [Kernel.of(state, name) for name in names if name.endswith(".conv")]
        return cls(
            head=Kernel.of(state, "head"),
            blocks=tuple(zip(inner[::2], inner[1::2], strict=True)),
            body_end=Kernel.of(state, "body_end"),
            upsampler=tuple(
                Kernel.of(state, name) for name in names if name.startswith("upsampler.")
            ),
            tail=Kernel.of(state, "tail"),
        )
