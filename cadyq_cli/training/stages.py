"""From one stage to the next: the same weights in another precision."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from torch import Tensor

from cadyq_cli.checkpoint.card import Card
from cadyq_cli.checkpoint.network import Network
from cadyq_cli.quant.trace import Trace


def start(card: Card, *, seed: int) -> Network:
    """A network with random weights, the same for the same seed."""
    import torch

    torch.manual_seed(seed)
    return Network(card)


def requantize(network: Network, precision: str, layers: dict[str, Any]) -> Network:
    """The same backbone with the same weights, executed in another precision.

    Bounds carry over where a site has as many grids as before; the others are to be set
    (`quant.ranges`).
    """
    card = replace(network.card, precision=precision, layers=layers, about={})
    result = Network(card)
    wanted = result.backbone.state_dict()
    state: dict[str, Tensor] = {
        name: value
        for name, value in network.backbone.state_dict().items()
        if name in wanted and value.shape == wanted[name].shape
    }
    result.backbone.load_state_dict(state, strict=False)
    return result.to(next(network.parameters()).device)


def traces_of(network: Network, batches: Sequence[Tensor]) -> Callable[[], list[Trace]]:
    """What `quant.ranges.fit_ranges` runs: the network on some batches (N, 3, H, W) in 0..1."""

    def forward() -> list[Trace]:
        return [network(batch)[1] for batch in batches]

    return forward
