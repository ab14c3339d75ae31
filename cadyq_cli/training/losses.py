"""What training minimises (paper, section 3.3). Pixels count in 0..255, as in the released code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor
from torch.nn.functional import l1_loss, mse_loss, normalize

from cadyq_cli.quant.trace import Trace


@dataclass(frozen=True, slots=True)
class Losses:
    """The weighted terms of one step, each a scalar."""

    truth: Tensor  # distance to the photograph, mean absolute difference in 0..255
    output: Tensor  # the same to what the teacher makes of it
    attention: Tensor  # distance to the teacher's attention
    bit: Tensor

    def total(self) -> Tensor:
        return self.truth + self.output + self.attention + self.bit


def pixel_loss(output: Tensor, truth: Tensor) -> Tensor:
    """Mean absolute difference of two batches in 0..1, expressed in 0..255."""
    return l1_loss(output, truth) * 255


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
