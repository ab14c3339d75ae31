"""Flags for all settings of a plan and its recipes, made from their descriptions."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import Field
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import typer

from cadyq_cli.errors import InputError
from cadyq_cli.settings import settings_of
from cadyq_cli.training.recipes.plan import Plan
from cadyq_cli.training.recipes.recipe import Recipe

_PANELS = {Plan: "Network and run", Recipe: "Learning, in every stage"}
_SWITCHES = {Plan: _PANELS[Plan], Recipe: "Learning, yes or no"}
COMMON = ("backbone", "scale", "stages", "start", "teacher", "steps")
_SHORT = {"backbone": "-b", "scale": "-s"}
_NEGATIVE = {"unsigned": "signed"}
_METAVARS = {int: "N", float: "X", str: "NAME", Path: "FILE"}


def setting_flags() -> Iterator[inspect.Parameter]:
    """A parameter of a command for every setting."""
    return (_flag(kind, *one) for kind in (Plan, Recipe) for one in settings_of(kind))


def changes_of(values: Mapping[str, Any], settings: Sequence[str]) -> dict[str, Any]:
    """The settings that were given, lists taken apart.

    Args:
        values: By name; None where nothing was given.
        settings: Those of the backbone, such as ``features=32``.

    Raises:
        InputError: a list of numbers that is not one, or a malformed setting.
    """
    kinds = {one.name: kind for owner in (Plan, Recipe) for one, kind in settings_of(owner)}
    given = {name: value for name, value in values.items() if value is not None}
    changes = {
        name: _parts(name, value, get_args(kinds[name])[0])
        if get_origin(kinds[name]) is tuple
        else value
        for name, value in given.items()
    }
    if settings:
        changes["settings"] = dict(map(_setting, settings))
    return changes


def _flag(owner: type[Any], one: Field[Any], kind: Any) -> inspect.Parameter:
    if get_origin(kind) in (Union, UnionType):
        kind = get_args(kind)[0]
    words = one.name.replace("_", "-")
    name = f"--{words}"
    metavar = _METAVARS.get(kind)
    if kind is bool:
        name += f"/--{_NEGATIVE.get(one.name, f'no-{words}')}"
        metavar = ""
    elif get_origin(kind) is tuple:
        kind, metavar = str, "A,B,..."
    elif get_origin(kind) is Literal:
        metavar = "NAME"
    option = typer.Option(
        *([_SHORT[one.name]] if one.name in _SHORT else []),
        name,
        metavar=metavar,
        help=one.metadata["text"],
        show_default=False,
        rich_help_panel=(_SWITCHES if kind is bool else _PANELS)[owner],
    )
    return inspect.Parameter(
        one.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[Union[kind, None], option],  # noqa: UP007, kind is a value
    )


def _parts(name: str, text: str, kind: Any) -> tuple[Any, ...]:
    parts = text.split(",") if text else []
    wanted = {int: "whole numbers, such as 2,3,4", float: "numbers, such as 1,0.5"}
    try:
        return tuple(kind(part) if kind in wanted else part for part in parts)
    except ValueError as error:
        raise InputError(f"`{name}` {text}: give {wanted[kind]}") from error


def _setting(text: str) -> tuple[str, Any]:
    name, _, value = text.partition("=")
    if not name or not value:
        raise InputError(f"`settings` {text}: give a setting such as features=32")
    try:
        return name, int(value)
    except ValueError:
        return name, {"true": True, "false": False}.get(value, value)
