"""Networks with the weights of others: of another scale, or in another precision."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from cadyq_cli.errors import InputError
from cadyq_cli.networks.card import Card
from cadyq_cli.networks.history import only_history
from cadyq_cli.networks.network import Network
from cadyq_cli.quant.layers import PRECISIONS

_FORM = ("channel_steps", "channel_ranges", "offsets", "weight_bits", "unsigned", "edges")


def random_network(card: Card, *, seed: int) -> Network:
    """A network with random weights, the same for the same seed.

    Raises:
        InputError: there is no such network, or it does not fit into memory.
    """
    torch.manual_seed(seed)
    try:
        return Network(card)
    except RuntimeError as error:
        settings = ", ".join(f"{name} = {value}" for name, value in card.settings.items())
        reason = str(error).splitlines()[0]
        raise InputError(f"{card.backbone} cannot be built with {settings}: {reason}") from error


def transplant(network: Network, card: Card, *, seed: int) -> tuple[Network, list[str]]:
    """Another network of the same backbone, such as of another scale, with all weights that fit.

    Returns:
        It, and the names of the weights that did not fit and are random.
    """
    result = random_network(card, seed=seed)
    return result, _carry(network, result)


def requantize(network: Network, precision: str, layers: dict[str, Any]) -> Network:
    """The same backbone with the same weights, executed in another precision.

    Bounds carry over where a site has as many grids as before; the others are to be set
    (`quant.ranges`).

    Raises:
        InputError: its weights hold the ranges of channels, and a float network has none.
    """
    card, about = network.card, only_history(network.card)
    if precision == "float" and card.layers.get("channel_ranges"):
        raise InputError(
            "a calibrated network cannot be trained in float; start from what it was made of"
        )
    result = Network(replace(card, precision=precision, layers=layers, about=about))
    _carry(network, result)
    return result.to(next(network.parameters()).device)


def kept_form(card: Card) -> dict[str, Any]:
    """What has to stay of a network's layers because its weights depend on it.

    Those of a calibrated network hold the ranges of channels.
    """
    if not card.layers.get("channel_ranges"):
        return {}
    return {name: value for name, value in card.layers.items() if name in _FORM}


def executes(card: Card, precision: str, layers: Mapping[str, Any]) -> bool:
    """Whether a network already runs in a precision with these settings."""
    if card.precision != precision:
        return False
    theirs = PRECISIONS[precision](**card.layers)
    return all(_plain(getattr(theirs, name)) == _plain(value) for name, value in layers.items())


def _carry(network: Network, to: Network) -> list[str]:
    """Load the weights that have the same name and shape; gives the names of the others."""
    wanted = to.backbone.state_dict()
    state: dict[str, Tensor] = {
        name: value
        for name, value in network.backbone.state_dict().items()
        if name in wanted and value.shape == wanted[name].shape
    }
    to.backbone.load_state_dict(state, strict=False)
    return [name for name in wanted if name not in state]


def _plain(value: Any) -> Any:
    return tuple(value) if isinstance(value, (list, tuple)) else value
