"""What becomes of another program's tensors."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class Translation(NamedTuple):
    """Tensors under our names."""

    tensors: dict[str, Tensor]
    assumed: str = ""  # what was taken for granted, as the file does not tell it


def named_tensors(convolutions: dict[str, tuple[Tensor, Tensor]]) -> dict[str, Tensor]:
    """The tensors of convolutions, each given as its kernels and biases."""
    return {
        f"{name}.{kind}": value
        for name, pair in convolutions.items()
        for kind, value in zip(("weight", "bias"), pair, strict=True)
    }
