"""Networks whose edges compute with whole numbers, made from such as leave them in float."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from cadyq_cli.edges.balancing import balance
from cadyq_cli.edges.composing import with_composed_tail
from cadyq_cli.edges.gptq import input_products, rounded_weight
from cadyq_cli.networks.network import Network
from cadyq_cli.quant.layers import BorderedEdgeConv, EdgeConv
from cadyq_cli.quant.limits import FAINTEST
from cadyq_cli.quant.places import INNER
from cadyq_cli.quant.ranges import observing
from cadyq_cli.quant.sites import QuantSite
from cadyq_cli.quant.watching import watching


@torch.no_grad()
def with_static_edges(network: Network, images: Sequence[Tensor]) -> Network:
    """The same network with whole-number edges.

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
    edges = [module for module in result.modules() if isinstance(module, EdgeConv)]
    balance(result, result.backbone, images)
    for edge in edges:
        edge.site.bounds.fill_(FAINTEST)
    with observing(nn.ModuleList(edges), _widen):
        for batch in images:
            result(batch)
    for edge, products in _products(result, edges, images).items():
        weight = edge.weight[INNER] if isinstance(edge, BorderedEdgeConv) else edge.weight
        weight.copy_(rounded_weight(weight, products))
    for edge, shift in _shifts(result, edges, images).items():
        edge.bias.sub_(shift)
    return result


def _products(
    network: Network, edges: Sequence[EdgeConv], images: Sequence[Tensor]
) -> Mapping[EdgeConv, Tensor]:
    """`input_products` of each that runs and is an ungrouped convolution."""
    plain = [edge for edge in edges if not edge.transposed and edge.groups == 1]
    return _summed(network, plain, images, input_products)


def _shifts(
    network: Network, edges: Sequence[EdgeConv], images: Sequence[Tensor]
) -> Mapping[EdgeConv, Tensor]:
    """`EdgeConv.shift` of each that runs, on average over the batches."""
    sums = _summed(network, edges, images, EdgeConv.shift)
    return {edge: shift / len(images) for edge, shift in sums.items()}


def _summed(
    network: Network,
    edges: Sequence[EdgeConv],
    images: Sequence[Tensor],
    tell: Callable[[EdgeConv, Tensor], Tensor],
) -> Mapping[EdgeConv, Tensor]:
    """What there is to tell about the input of each edge that runs, added up over the batches."""
    found: dict[EdgeConv, Tensor] = {}

    def note(edge: EdgeConv, x: Tensor) -> None:
        told = tell(edge, x)
        found[edge] = found[edge] + told if edge in found else told

    with watching(edges, note):
        for batch in images:
            network(batch)
    return found


def _widen(site: QuantSite, x: Tensor) -> None:
    """Let a bound reach the largest value: here clipping shows, and fine steps cost nothing."""
    site.bounds.clamp_min_(x.abs().amax())
