"""Brings features to a common strength before their steps are set, without changing any result.

Where features pass nothing but a ReLU on their way from one convolution to the next, one may make
them stronger and the other take them as less. A SPAN's last layers round all that they read with
one step, so what is strong there should not be weighed lightly: each strength becomes the root of
the weight it meets times its own (SmoothQuant, Xiao et al., ICML 2023, equation 4, with half).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from cadyq_cli.backbones.span import AttentionBlock, Span
from cadyq_cli.quant.layers import OuterConv, QuantConv
from cadyq_cli.quant.ranges import observing
from cadyq_cli.quant.sites import DynamicSite, QuantSite
from cadyq_cli.quant.watching import watching


@torch.no_grad()
def balance(network: nn.Module, backbone: nn.Module, images: Sequence[Tensor]) -> None:
    """Balance a quantized SPAN's last layers in place; any other backbone stays as it is.

    Args:
        network: Runs the backbone on a batch.
        backbone: What is changed.
        images: Batches that stand for those to come, each RGB (N, 3, H, W) in 0..1.
    """
    if not isinstance(backbone, Span):
        return
    join, tail, body_end = backbone.join, backbone.tail, backbone.body_end
    assert isinstance(join, OuterConv)
    assert isinstance(tail, OuterConv)
    assert isinstance(body_end, QuantConv)
    read, joined = _powers(network, join, tail, images)
    weights = join.weight.square().mean((0, 2, 3))
    head, body, block, first = range(4)  # what is joined
    ratios = weights.view(4, -1).mean(1) / read.view(4, -1).mean(1).clamp_min(1e-12)
    wanted = ratios[[head, block]].mean()  # they have the strength that the next block asks for
    factors = (ratios / wanted).clamp_min(1e-12) ** 0.25
    _scale(body_end.conv, factors[body])
    _weigh(join, body, factors[body])
    last = backbone.blocks[-1]
    assert isinstance(last, AttentionBlock)
    if backbone.homogeneous:
        _scale_first(last, factors[first])
        _weigh(join, first, factors[first])
    strengths = (tail.weight.square().mean((0, 2, 3)) / joined.clamp_min(1e-12)) ** 0.25
    join.weight.mul_(strengths.view(-1, 1, 1, 1))
    join.bias.mul_(strengths)
    tail.weight.div_(strengths.view(1, -1, 1, 1))


def _powers(
    network: nn.Module, join: nn.Module, tail: nn.Module, images: Sequence[Tensor]
) -> tuple[Tensor, Tensor]:
    """Mean squares of the channels that the two read."""
    found: dict[nn.Module, list[Tensor]] = {join: [], tail: []}

    def note(module: nn.Module, x: Tensor) -> None:
        found[module].append(x.square().mean((0, 2, 3)))

    unclipped = observing(nn.ModuleList(found), lambda *_: None)  # their bounds are not set yet
    with watching(found, note), unclipped:
        for batch in images:
            network(batch)
    return torch.stack(found[join]).mean(0), torch.stack(found[tail]).mean(0)


def _scale(conv: nn.Conv2d, factor: Tensor) -> None:
    conv.weight.mul_(factor)
    if conv.bias is not None:
        conv.bias.mul_(factor)


def _weigh(join: OuterConv, part: int, factor: Tensor) -> None:
    join.weight.view(len(join.weight), 4, -1)[:, part].div_(factor)


def _scale_first(block: AttentionBlock, factor: Tensor) -> None:
    """Scale what the first convolution gives, for all that reads it but the join."""
    site, conv1, conv2 = block.site2, block.conv1, block.conv2
    assert isinstance(site, QuantSite)
    assert isinstance(conv1, QuantConv)
    assert isinstance(conv2, QuantConv)
    _scale(conv1.conv, factor)
    conv2.conv.weight.div_(factor)
    (site.faintest if site.relative else site.bounds).mul_(factor)
    if isinstance(site, DynamicSite):
        site.input_scale[2:].div_(factor)  # the spread of its features
