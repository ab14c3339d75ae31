"""Commands that are made of dataclasses of options."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterator
from dataclasses import MISSING, Field, fields, is_dataclass
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import typer

from cadyq_cli.commands.options.contradictions import refuse_contradictions
from cadyq_cli.commands.options.declaring import Option
from cadyq_cli.commands.options.short_help import short_help

_METAVARS = {bool: "", int: "N", float: "X", str: "NAME", Path: "FILE"}


def command_of(
    body: Callable[..., None], *more: inspect.Parameter, common: Collection[str] = ()
) -> Callable[..., None]:
    """A Typer command that fills the dataclasses which a function takes, and calls it.

    Args:
        body: Each of its parameters is a dataclass of options, called by its lower-case name; or
            `context`, Typer's own; or what takes `more`. It is not called where options exclude
            each other.
        more: Parameters of the command that are no fields; the body gets their values by name.
        common: Those of them that -h shows.
    """
    hints = get_type_hints(body)
    groups: dict[str, Any] = {name: kind for name, kind in hints.items() if is_dataclass(kind)}
    declared = [parameter(one, *each) for kind in groups.values() for one, *each in _fields(kind)]
    usual = {
        one.name
        for kind in groups.values()
        for one in fields(kind)
        if one.metadata["option"].common
    }

    def command(context: typer.Context, usual_help: bool, **values: Any) -> None:  # noqa: ARG001
        filled = {
            name: kind(**{one.name: values.pop(one.name) for one in fields(kind)})
            for name, kind in groups.items()
        }
        refuse_contradictions(*filled.values())
        if "context" in hints:
            filled["context"] = context
        body(**filled, **values)

    context = inspect.Parameter("context", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)
    parameters = [context, *declared, *more, short_help(usual | {*common})]
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__doc__, command.__annotations__ = body.__doc__, {}
    return command


def parameter(one: Field[Any], kind: Any, panel: str) -> inspect.Parameter:
    """Typer's parameter for a field of a type, under a panel of the help."""
    told: Option = one.metadata["option"]
    text = told.text + (f" \\[default: {told.usually}]" if told.usually else "")
    shown = bool(one.default) and one.default is not MISSING and not told.usually
    if told.positional:
        info: Any = typer.Argument(metavar=told.metavar, help=text, show_default=shown)
    else:
        names = told.names
        if not any(name.startswith("--") for name in names):
            names = (*names, f"--{one.name.replace('_', '-')}")
        info = typer.Option(
            *names,
            metavar=_metavar(kind) if told.metavar is None else told.metavar,
            help=text,
            show_default=shown,
            min=told.least,
            max=told.most,
            callback=told.check,
            rich_help_panel=panel,
        )
    return inspect.Parameter(
        one.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=inspect.Parameter.empty if one.default is MISSING else one.default,
        annotation=Annotated[kind, info],
    )


def _fields(kind: type[Any]) -> Iterator[tuple[Field[Any], Any, str]]:
    """The fields of a dataclass, each with its type and the panel of the help."""
    types, panel = get_type_hints(kind), getattr(kind, "PANEL", kind.__name__)
    return ((one, types[one.name], panel) for one in fields(kind))


def _metavar(kind: Any) -> str | None:
    """What stands for a value in the help; None leaves it to Typer."""
    if get_origin(kind) in (Union, UnionType):
        kind = get_args(kind)[0]
    if get_origin(kind) is list:
        (kind,) = get_args(kind)
    if get_origin(kind) is Literal:
        return "|".join(map(str, get_args(kind)))
    return _METAVARS.get(kind)
