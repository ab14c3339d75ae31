"""A SPAN whose last layers are the best ones for the features that random blocks give.

Nothing lies between the join and the tail, so together they are one 3x3 convolution of the joined
features. Its best kernel has a closed form, which is then split in two.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pixel_unshuffle, unfold

from cadyq_cli.backbones.parts import mean_of
from cadyq_cli.checkpoint.network import Network
from cadyq_cli.training.least_squares import Regression, two_factors
from cadyq_cli.training.reading import read_by

RIDGE = 3e-3  # the blocks are to change, so the kernel must not depend on how features cancel
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
        joined, _ = read_by("join", network, few)
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
