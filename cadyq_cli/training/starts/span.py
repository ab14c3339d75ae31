"""The last layers of a SPAN, which are linear, fitted in closed form.

Before training they become the best ones for the features that random blocks give. Nothing lies
between the join and the tail, so together they are one 3x3 convolution of the joined features. Its
best kernel is then split in two. After training the tail alone is fitted: steps come near its best
weights slowly.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor
from torch.nn.functional import pixel_unshuffle, unfold

from cadyq_cli.backbones.parts import mean_of
from cadyq_cli.networks.network import Network
from cadyq_cli.quant.watching import watching
from cadyq_cli.training.learning.losses import wrong_anyway
from cadyq_cli.training.starts.least_squares import Regression, two_factors

RIDGE = 3e-3  # the blocks are to change, so the kernel must not depend on how features cancel
TAIL_RIDGE = 1e-5  # so small: the crops have thousands of pixels for each weight
STRENGTH = 4.0  # root mean square of what the join gives, where photographs have 0..255
PIXELS = 2**13  # at a time, of low resolution: each has thousands of inputs


@torch.no_grad()
def fit_last_layers(network: Network, low: Tensor, high: Tensor) -> None:
    """Fit the join and the tail of a float SPAN to photographs by least squares.

    Args:
        network: The SPAN; its other weights stay.
        low: (N, 3, H, W) in 0..1.
        high: The photographs themselves, `scale` times as large.
    """
    state = network.backbone.state_dict()  # the weights themselves
    features, inputs = state["join.weight"].shape[:2]
    targets = len(state["tail.bias"])
    regression = Regression(9 * inputs, targets)
    size = max(PIXELS // low[0, 0].numel(), 1)
    for few, wanted in zip(low.split(size), high.split(size), strict=True):
        pixels = pixel_unshuffle(255 * (wanted - mean_of(wanted)), network.scale)
        joined, _ = _read_by("join", network, few)
        around = unfold(joined, 3, padding=1)  # (N, 9 inputs, H W)
        regression.add(around.transpose(0, 1).flatten(1), pixels.transpose(0, 1).flatten(1))
    weight, bias = regression.solve(ridge=RIDGE)

    taps = weight.view(targets, inputs, 9).transpose(1, 2).flatten(0, 1)  # (9 targets, inputs)
    power = regression.power(4 + 9 * torch.arange(inputs))  # of each neighbourhood's middle
    join, tail = two_factors(taps, power, features)
    rank = len(join)  # fewer than features where the tail has few results
    state["join.weight"][:rank] = STRENGTH * join[:, :, None, None]
    state["join.bias"].zero_()
    state["tail.weight"].zero_()
    state["tail.weight"][:, :rank] = tail.view(targets, 3, 3, rank).permute(0, 3, 1, 2) / STRENGTH
    state["tail.bias"].copy_(bias)


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
        read, output = _read_by("tail", network, low)
        missing = 255 * pixel_unshuffle(high - output, network.scale)
        around = unfold(read, 3, padding=1).unflatten(2, read.shape[2:])
        counts = (1 / wrong_anyway(output, high, floor=floor)).view(-1, 1, 1, 1)
        regression.add(
            _samples(around), _samples(missing), _samples(counts.expand_as(missing[:, :1]))[0]
        )
    more, shift = regression.solve(ridge=TAIL_RIDGE)
    weight += more.view_as(weight).to(weight)
    bias += shift.to(bias)


def _samples(values: Tensor) -> Tensor:
    """The middle of crops (N, C, H, W), as (C, M)."""
    high, wide = (slice(length // 4, length - length // 4) for length in values.shape[2:])
    return values[:, :, high, wide].transpose(0, 1).flatten(1)


@torch.no_grad()
def _read_by(layer: str, network: Network, low: Tensor) -> tuple[Tensor, Tensor]:
    """Enlarge a batch, and watch one layer of the backbone, by its name.

    Returns:
        What the layer reads, (N, features, H, W), and what the network makes of the batch.
    """
    seen: list[Tensor] = []
    with watching([network.backbone.get_submodule(layer)], lambda _, x: seen.append(x)):
        output, _ = network.eval()(low)
    return seen[0], output
