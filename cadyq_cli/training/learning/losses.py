"""What training minimises (paper, section 3.3). Pixels count in 0..255, as in the released code."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor
from torch.nn.functional import l1_loss, mse_loss, normalize

from cadyq_cli.imaging.colour import LUMA_WEIGHTS
from cadyq_cli.quant.trace import Trace

LUMA = 0.9  # share of luma, on which PSNR is measured, in `psnr_loss`; the rest keeps colours right


@dataclass(frozen=True, slots=True)
class Losses:
    """The weighted terms of one step, each a scalar."""

    truth: Tensor  # distance to the photograph, by `pixel_loss` or `psnr_loss`
    output: Tensor  # the same to what the teacher makes of it
    attention: Tensor  # distance to the teacher's attention
    bit: Tensor

    def total(self) -> Tensor:
        return self.truth + self.output + self.attention + self.bit


@dataclass(frozen=True, slots=True)
class Step:
    """The results of one step over all processes, in plain numbers."""

    number: int  # counted from 1
    truth: float  # the terms of the loss, see `Losses`
    output: float
    attention: float
    bit: float
    average_bits: float | None
    gradient: float  # norm, before it was clipped
    bit_price: float
    rate: float  # factor on the learning rates


def pixel_loss(output: Tensor, truth: Tensor) -> Tensor:
    """Mean absolute difference of two batches in 0..1, expressed in 0..255."""
    return l1_loss(output, truth) * 255


def wrong_anyway(reference: Tensor, truth: Tensor, *, floor: float) -> Tensor:
    """The mean square by which each image of a batch in 0..1 misses the photograph, shape (N,).

    In 0..255, and more by `floor`, so that crops which are nearly right do not outweigh the others.
    """
    return _mean_square(reference.detach() - truth) + floor


def psnr_loss(output: Tensor, target: Tensor, wrong: Tensor) -> Tensor:
    """About how many dB the difference of two batches in 0..1 takes off their mean PSNR.

    An error of mean square e, unlike those that are there anyway, takes off 10 lg(1 + e / wrong).
    This is the slope of that for small errors, times e. `wrong` is what `wrong_anyway` gives.
    """
    return (_mean_square(output - target) / wrong).mean() * (10 / math.log(10))


def _mean_square(error: Tensor) -> Tensor:
    """Of each RGB image (N, 3, H, W), 0..1, expressed in 0..255.

    Most of it is that of luma, in units in which an error of gray is as large.
    """
    error = error * 255
    weights = error.new_tensor(LUMA_WEIGHTS / LUMA_WEIGHTS.sum()).view(3, 1, 1)
    luma = (error * weights).sum(dim=1)
    return LUMA * luma.square().mean(dim=(1, 2)) + (1 - LUMA) * error.square().mean(dim=(1, 2, 3))


def attention(feature: Tensor) -> Tensor:
    """Where a feature map is strong: the mean over channels of its square, as a unit vector.

    Shape (N, C, H, W) to (N, H * W). Networks of different width can be compared.
    """
    return normalize(feature.float().square().mean(dim=1).flatten(1))


def attention_loss(
    student: Mapping[str, Tensor],
    teacher: Mapping[str, Tensor],
    *,
    last: float = 1e3,
    blocks: float = 1e2,
) -> Tensor:
    """Mean squared difference between the attention of two networks, weighted and summed.

    Args:
        student: Features by name, see `Trace.features`. The teacher has the same names, or more.
        teacher: The same; no gradient reaches it.
        last: Weight of the body's output.
        blocks: Weight of each block.
    """
    terms = [
        (last if name == "last" else blocks)
        * mse_loss(attention(feature), attention(teacher[name].detach()))
        for name, feature in student.items()
    ]
    return sum(terms[1:], start=terms[0])


def bit_loss(trace: Trace) -> Tensor:
    """The chosen widths over the expected ones, summed over sites and images (`Trace.bit_cost`)."""
    return trace.bit_cost().sum()
