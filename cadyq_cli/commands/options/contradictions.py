"""Refuses options that exclude each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import MISSING, fields
from typing import Any

from cadyq_cli.commands.options.declaring import Option
from cadyq_cli.errors import InputError


def given(*groups: Any) -> dict[str, Option]:
    """The settings that differ from their defaults."""
    return {
        one.name: one.metadata["option"]
        for group in groups
        for one in fields(group)
        if one.default is not MISSING and getattr(group, one.name) != one.default
    }


def refuse_contradictions(*groups: Any, also: Sequence[str] = ()) -> None:
    """Refuse settings that exclude each other.

    Args:
        groups: Dataclasses of options, all that a command has.
        also: What an exclusion may name beside settings, and holds here.

    Raises:
        InputError: in the words of the exclusion.
    """
    settings = given(*groups)
    for name, told in settings.items():
        for exclusion in told.excludes:
            for other in exclusion.others:
                if other in settings or other in also:
                    raise InputError(exclusion.words.format(option=name, other=other))
