"""From one stage to the next: the same weights in another precision."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from cadyq_cli.backbones.carn import Carn
from cadyq_cli.checkpoint.card import Card
from cadyq_cli.checkpoint.network import Network
from cadyq_cli.quant.trace import Trace


def start(card: Card, *, seed: int) -> Network:
    """A network with random weights, the same for the same seed."""
    torch.manual_seed(seed)
    return Network(card)


def transplant(network: Network, card: Card, *, seed: int) -> tuple[Network, list[str]]:
    """Another network of the same backbone, such as of another scale, with all weights that fit.

    Returns:
        It, and the names of the weights that did not fit and are random.
    """
    result = start(card, seed=seed)
    wanted = result.backbone.state_dict()
    state = _fitting(network, wanted)
    result.backbone.load_state_dict(state, strict=False)
    return result, [name for name in wanted if name not in state]


def requantize(network: Network, precision: str, layers: dict[str, Any]) -> Network:
    """The same backbone with the same weights, executed in another precision.

    Bounds carry over where a site has as many grids as before; the others are to be set
    (`quant.ranges`).
    """
    card = replace(network.card, precision=precision, layers=layers, about={})
    result = Network(card)
    state = _fitting(network, result.backbone.state_dict())
    result.backbone.load_state_dict(state, strict=False)
    return result.to(next(network.parameters()).device)


@contextmanager
def run_at(network: Network, scale: int) -> Iterator[None]:
    """Let a network for several scales run at one of them, as long as the context lasts."""
    body = network.backbone
    if not isinstance(body, Carn):
        yield
        return
    before, body.scale = body.scale, scale
    try:
        yield
    finally:
        body.scale = before


def traces_of(network: Network, batches: Sequence[Tensor]) -> Callable[[], list[Trace]]:
    """What `quant.ranges.fit_ranges` runs: the network on some batches (N, 3, H, W) in 0..1."""

    def forward() -> list[Trace]:
        return [network(batch)[1] for batch in batches]

    return forward


def _fitting(network: Network, wanted: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights of a network that have the name and the shape of a wanted one."""
    return {
        name: value
        for name, value in network.backbone.state_dict().items()
        if name in wanted and value.shape == wanted[name].shape
    }
