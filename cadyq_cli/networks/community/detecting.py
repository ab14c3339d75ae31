"""What network another program's file holds, by the names and shapes of its tensors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cadyq_cli.escaping import escaped
from cadyq_cli.networks.card import Card
from cadyq_cli.networks.community import compact, edsr, span
from cadyq_cli.networks.community.ncnn.pair import state_dict_of
from cadyq_cli.networks.community.translation import Translation
from cadyq_cli.networks.community.weights import Weights
from cadyq_cli.networks.forms import form_of
from cadyq_cli.networks.pickled import check_plain
from cadyq_cli.networks.state_dicts import State, state_dict_in
from cadyq_cli.networks.untold import Untold

_TOLD = 3  # names of an unknown network


class Architecture(NamedTuple):
    """How a network's files are read. `translated` is told what `settings_of` found."""

    fits: Callable[[State], bool]
    settings_of: Callable[[Weights], dict[str, Any]]
    translated: Callable[[Weights, dict[str, Any], Untold], Translation]


ARCHITECTURES: Mapping[str, Architecture] = {
    "compact": Architecture(compact.is_compact, compact.settings_of, compact.translated),
    "edsr": Architecture(edsr.is_edsr, edsr.settings_of, edsr.translated),
    "span": Architecture(span.is_span, span.settings_of, span.translated),
}  # by backbone
KNOWN = "compact, edsr or span"


class UnknownNetworkError(ValueError):
    """A state dict of none of the architectures."""


def recognized(path: Path, untold: Untold) -> tuple[Card, dict[str, NDArray[np.float32]]]:
    """A network as a card and tensors of ours, from a file of another program.

    Raises:
        OSError: as the system says.
        CheckpointError: the file is truncated, or holds code or no state dict.
        UnknownNetworkError: it is none of the architectures.
        ValueError: it looks like one of them, but does not hold its tensors.
    """
    state = _state_in(path)
    backbone = next((name for name, each in ARCHITECTURES.items() if each.fits(state)), None)
    if backbone is None:
        first = ", ".join(escaped(name[:60]) for name in islice(state, _TOLD))
        raise UnknownNetworkError(f"is not recognized as {KNOWN}; its first tensors are {first}")
    architecture, weights = ARCHITECTURES[backbone], Weights(state)
    try:
        settings = architecture.settings_of(weights)
        tensors, assumed = architecture.translated(weights, settings, untold)
        weights.check_all_taken()
    except ValueError as error:
        reason = escaped(str(error))
        raise ValueError(f"is no {backbone}, though it looks like one: {reason}") from error
    did = f"read from {path.name}, which another program saved{assumed and f', {assumed}'}"
    card = Card(backbone=backbone, settings=settings, about={"history": [{"did": did}]})
    return card, {name: value.float().numpy() for name, value in tensors.items()}


def _state_in(path: Path) -> State:
    """The tensors in a file, of the form that others have, by their names."""
    if form_of(path) == "ncnn":
        return state_dict_of(path)
    state = state_dict_in(path)
    check_plain(state, path.stat().st_size)
    return state
