"""Networks whose edges compute with whole numbers, made from such as leave them in float."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from cadyq_cli.checkpoint.network import Network
from cadyq_cli.quant.layers import EdgeConv
from cadyq_cli.quant.ranges import observing, sites
from cadyq_cli.quant.sites import FAINTEST, QuantSite


@torch.no_grad()
def with_static_edges(network: Network, images: Sequence[Tensor]) -> Network:
    """The same network with whole-number edges, whose bounds are the largest values seen there.

    Args:
        network: Static or dynamic; it is not changed.
        images: Batches that stand for those to come, each RGB (N, 3, H, W) in 0..1.

    Raises:
        InputError: a float network, which has no quantized layers.
    """
    card = replace(network.card, layers=network.card.layers | {"edges": "static"})
    result = Network(card)
    state = network.backbone.state_dict()
    bounds = {k: v for k, v in result.backbone.state_dict().items() if k not in state}
    result.backbone.load_state_dict(state | bounds)
    result.eval().to(next(network.parameters()).device)
    edges = nn.ModuleList(m for m in result.modules() if isinstance(m, EdgeConv))
    for site in sites(edges):
        site.bounds.fill_(FAINTEST)
    with observing(edges, _widen):
        for batch in images:
            result(batch)
    return result


def _widen(site: QuantSite, x: Tensor) -> None:
    """Let a bound reach the largest value: here clipping shows, and fine steps cost nothing."""
    site.bounds.clamp_min_(x.abs().amax())
