"""The backbones by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, get_type_hints

from torch import nn

from cadyq_cli.backbones.carn import Carn, CarnConfig
from cadyq_cli.backbones.edsr import Edsr, EdsrConfig
from cadyq_cli.backbones.idn import Idn, IdnConfig
from cadyq_cli.backbones.span import Span, SpanConfig
from cadyq_cli.backbones.srresnet import Srresnet, SrresnetConfig
from cadyq_cli.errors import InputError
from cadyq_cli.quant.layers import Layers
from cadyq_cli.typed import fitting_value, shown

MAX_SETTING = 1024  # of features, blocks and whatever else a backbone counts


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


def check_settings(name: str, settings: Mapping[str, Any]) -> None:
    """Refuse settings of a backbone, or values of them, that there are not.

    Raises:
        InputError: an unknown backbone or setting, or a value of another type or beyond measure.
    """
    kinds = get_type_hints(backbone(name).config)
    if unknown := settings.keys() - kinds.keys():
        names = ", ".join(kind for kind in kinds if kind != "scale")
        reason = f"unknown setting of {name}: {', '.join(sorted(unknown)):.200}"
        raise InputError(f"{reason}; it has {names}")
    for setting, value in settings.items():
        told = f"{name}: {setting} = {shown(value)}"
        try:
            fitting = fitting_value(kinds[setting], value)
        except TypeError as error:
            raise InputError(f"{told} should be {error}") from error
        if kinds[setting] is int and fitting < 1:
            raise InputError(f"{told} should be at least 1")
        if kinds[setting] is int and fitting > MAX_SETTING:
            raise InputError(f"{told} should be at most {MAX_SETTING}")


def build(name: str, settings: Mapping[str, Any], layers: Layers) -> nn.Module:
    """Build a backbone from plain settings, such as a weights file carries.

    Raises:
        InputError: as for `check_settings`.
        ValueError: values that do not go together, or a scale that the backbone does not have.
    """
    check_settings(name, settings)
    chosen = backbone(name)
    return chosen.network(chosen.config(**settings), layers)
