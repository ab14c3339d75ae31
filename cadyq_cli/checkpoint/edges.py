"""Networks whose edges run at 8 bit, made from such as leave them in float."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from cadyq_cli.checkpoint.network import Network
from cadyq_cli.quant.layers import EdgeConv
from cadyq_cli.quant.ranges import fit_ranges
from cadyq_cli.quant.trace import Trace


@torch.no_grad()
def with_static_edges(network: Network, images: Sequence[Tensor]) -> Network:
    """The same network with 8-bit edges, whose bounds fit what they see in some images.

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

    def forward() -> list[Trace]:
        return [result(batch)[1] for batch in images]

    fit_ranges(edges, forward)
    return result
