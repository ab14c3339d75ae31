"""Builds backbones from plain settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, get_type_hints

from torch import nn

from cadyq_cli.backbones.known import backbone
from cadyq_cli.errors import InputError
from cadyq_cli.quant.layers import Layers
from cadyq_cli.typed import fitting_value, shown

MAX_SETTING = 1024  # of features, blocks and whatever else a backbone counts


def classes_of(name: str) -> tuple[type[Any], Callable[[Any, Layers], nn.Module]]:
    """A backbone's settings, and what builds it of them.

    Raises:
        InputError: there is none of that name.
    """
    backbone(name)
    module, network = import_module(f"cadyq_cli.backbones.{name}"), name.capitalize()
    return getattr(module, f"{network}Config"), getattr(module, network)


def check_settings(name: str, settings: Mapping[str, Any]) -> None:
    """Refuse settings of a backbone, or values of them, that there are not.

    Raises:
        InputError: an unknown backbone or setting, or a value of another type or beyond measure.
    """
    kinds = get_type_hints(classes_of(name)[0])
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
    config, network = classes_of(name)
    return network(config(**settings), layers)
