"""Networks whose outer layers compute with whole numbers, made from such as leave them in float."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from cadyq_cli.networks.network import Network
from cadyq_cli.outer_layers.balancing import balance
from cadyq_cli.outer_layers.composing import with_composed_tail
from cadyq_cli.outer_layers.gptq import input_products, rounded_weight
from cadyq_cli.quant.layers import BorderedOuterConv, OuterConv
from cadyq_cli.quant.limits import FAINTEST
from cadyq_cli.quant.places import INNER
from cadyq_cli.quant.ranges import observing
from cadyq_cli.quant.sites import QuantSite
from cadyq_cli.quant.watching import watching


@torch.no_grad()
def with_static_outer_layers(network: Network, images: Sequence[Tensor]) -> Network:
    """The same network with whole-number outer layers.

    Their bounds are the largest values seen there, their weights are rounded together (`gptq`),
    and their biases take off what rounding still adds on average: a network that carries an image's
    mean through them would turn it darker or brighter. An EDSR's tail is composed first
    (`composing`).

    Args:
        network: Static or dynamic; it is not changed.
        images: Batches that stand for those to come, each RGB (N, 3, H, W) in 0..1.

    Raises:
        InputError: a float network, which has no quantized layers.
    """
    network = with_composed_tail(network)
    card = replace(network.card, layers=network.card.layers | {"edges": "static"})
    result = Network(card)
    state = network.backbone.state_dict()
    new = {k: v for k, v in result.backbone.state_dict().items() if k not in state}
    result.backbone.load_state_dict(state | new)
    result.eval().to(next(network.parameters()).device)
    outer = [module for module in result.modules() if isinstance(module, OuterConv)]
    balance(result, result.backbone, images)
    for conv in outer:
        conv.site.bounds.fill_(FAINTEST)
    with observing(nn.ModuleList(outer), _widen):
        for batch in images:
            result(batch)
    for conv, products in _products(result, outer, images).items():
        weight = conv.weight[INNER] if isinstance(conv, BorderedOuterConv) else conv.weight
        weight.copy_(rounded_weight(weight, products))
    for conv, shift in _shifts(result, outer, images).items():
        conv.bias.sub_(shift)
    return result


def _products(
    network: Network, outer: Sequence[OuterConv], images: Sequence[Tensor]
) -> Mapping[OuterConv, Tensor]:
    """`input_products` of each that runs and is an ungrouped convolution."""
    plain = [conv for conv in outer if not conv.transposed and conv.groups == 1]
    return _summed(network, plain, images, input_products)


def _shifts(
    network: Network, outer: Sequence[OuterConv], images: Sequence[Tensor]
) -> Mapping[OuterConv, Tensor]:
    """`OuterConv.shift` of each that runs, on average over the batches."""
    sums = _summed(network, outer, images, OuterConv.shift)
    return {conv: shift / len(images) for conv, shift in sums.items()}


def _summed(
    network: Network,
    outer: Sequence[OuterConv],
    images: Sequence[Tensor],
    tell: Callable[[OuterConv, Tensor], Tensor],
) -> Mapping[OuterConv, Tensor]:
    """What there is to tell about the input of each outer layer that runs, summed over batches."""
    found: dict[OuterConv, Tensor] = {}

    def note(conv: OuterConv, x: Tensor) -> None:
        told = tell(conv, x)
        found[conv] = found[conv] + told if conv in found else told

    with watching(outer, note):
        for batch in images:
            network(batch)
    return found


def _widen(site: QuantSite, x: Tensor) -> None:
    """Let a bound reach the largest value: here clipping shows, and fine steps cost nothing."""
    site.bounds.clamp_min_(x.abs().amax())
