"""The backbones by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from torch import nn

from cadyq_cli.backbones.carn import Carn, CarnConfig
from cadyq_cli.backbones.edsr import Edsr, EdsrConfig
from cadyq_cli.backbones.idn import Idn, IdnConfig
from cadyq_cli.backbones.span import Span, SpanConfig
from cadyq_cli.backbones.srresnet import Srresnet, SrresnetConfig
from cadyq_cli.errors import InputError
from cadyq_cli.quant.layers import Layers


@dataclass(frozen=True, slots=True)
class Backbone:
    """A topology, its settings, and how much the paper's code weighs the gradient feature in it."""

    config: type[Any]
    network: Callable[[Any, Layers], nn.Module]
    gradient_scale: float = 1000.0


BACKBONES: Mapping[str, Backbone] = {
    "edsr": Backbone(EdsrConfig, Edsr),
    "carn": Backbone(CarnConfig, Carn, gradient_scale=1.0),
    "idn": Backbone(IdnConfig, Idn),
    "srresnet": Backbone(SrresnetConfig, Srresnet),
    "span": Backbone(SpanConfig, Span),
}


def backbone(name: str) -> Backbone:
    """Look a backbone up.

    Raises:
        InputError: there is none of that name; the message lists the choices.
    """
    if name not in BACKBONES:
        raise InputError(f"unknown backbone {name!r}; choose from {', '.join(BACKBONES)}")
    return BACKBONES[name]


def build(name: str, settings: Mapping[str, Any], layers: Layers) -> nn.Module:
    """Build a backbone from plain settings, such as a weights file carries.

    Raises:
        InputError: an unknown backbone or setting.
        ValueError: a scale that the backbone does not have.
    """
    chosen = backbone(name)
    if unknown := settings.keys() - {f.name for f in fields(chosen.config)}:
        raise InputError(f"unknown setting of {name}: {', '.join(sorted(unknown))}")
    return chosen.network(chosen.config(**settings), layers)
