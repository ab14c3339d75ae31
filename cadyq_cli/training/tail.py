"""The tail of a trained SPAN, which is linear, fitted in closed form: steps come near it slowly."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor
from torch.nn.functional import pixel_unshuffle, unfold

from cadyq_cli.checkpoint.network import Network
from cadyq_cli.training.least_squares import Regression
from cadyq_cli.training.losses import wrong_anyway
from cadyq_cli.training.reading import read_by

RIDGE = 1e-5  # so small: the crops have thousands of pixels for each weight


@torch.no_grad()
def refit_tail(network: Network, crops: Iterable[tuple[Tensor, Tensor]], *, floor: float) -> None:
    """Give the tail of a float SPAN the weights that are best for crops, all others as they are.

    Each crop counts as in `psnr_loss`. A quarter of it is left out at each side: there the
    network sees that the picture ends, which it seldom does in a photograph.

    Args:
        network: The SPAN.
        crops: Low resolution (N, 3, H, W) and high resolution, in 0..1.
        floor: See `wrong_anyway`.
    """
    state = network.backbone.state_dict()  # the weights themselves
    weight, bias = state["tail.weight"], state["tail.bias"]
    regression = Regression(weight[0].numel(), len(bias))
    for low, high in crops:
        read, output = read_by("tail", network, low)
        missing = 255 * pixel_unshuffle(high - output, network.scale)
        around = unfold(read, 3, padding=1).unflatten(2, read.shape[2:])
        counts = (1 / wrong_anyway(output, high, floor=floor)).view(-1, 1, 1, 1)
        regression.add(
            _samples(around), _samples(missing), _samples(counts.expand_as(missing[:, :1]))[0]
        )
    more, shift = regression.solve(ridge=RIDGE)
    weight += more.view_as(weight).to(weight)
    bias += shift.to(bias)


def _samples(values: Tensor) -> Tensor:
    """The middle of crops (N, C, H, W), as (C, M)."""
    high, wide = (slice(length // 4, length - length // 4) for length in values.shape[2:])
    return values[:, :, high, wide].transpose(0, 1).flatten(1)
