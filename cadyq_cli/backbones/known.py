"""The backbones by name, and what is known of each; without PyTorch, so that help can ask."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cadyq_cli.errors import InputError


@dataclass(frozen=True, kw_only=True, slots=True)
class Backbone:
    """A topology: ``Name`` and ``NameConfig`` in the module ``name`` beside this one."""

    gradient_scale: float = 1000.0  # weight of the gradient feature in the paper's code
    several_scales: bool = False  # one body can learn them
    linear_tail: bool = False  # its last layers can be found by least squares
    edsr_sizes: tuple[str, ...] = ()  # settings that it shares with an EDSR that it can start as
    restores: bool = False  # can be built for scale 1
    official: bool = False  # the paper's authors have published checkpoints


BACKBONES: Mapping[str, Backbone] = {
    "edsr": Backbone(restores=True, official=True),
    "carn": Backbone(
        gradient_scale=1.0, several_scales=True, edsr_sizes=("features",), official=True
    ),
    "idn": Backbone(official=True),
    "srresnet": Backbone(edsr_sizes=("features", "blocks"), official=True),
    "span": Backbone(linear_tail=True, restores=True),
    "compact": Backbone(restores=True),
}


def backbone(name: str) -> Backbone:
    """Look a backbone up.

    Raises:
        InputError: there is none of that name; the message lists the choices.
    """
    if name not in BACKBONES:
        raise InputError(f"unknown backbone {name!r}; choose from {', '.join(BACKBONES)}")
    return BACKBONES[name]


def named(fact: str = "", *, last: str = "or") -> str:
    """The backbones of which a fact is true, or all: "edsr, carn or idn"."""
    names = [name for name, each in BACKBONES.items() if not fact or getattr(each, fact)]
    return f" {last} ".join(filter(None, (", ".join(names[:-1]), names[-1])))
