"""Settings that describe themselves, and come from a TOML file or a flag."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import Field, field, fields
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from cadyq_cli.errors import InputError
from cadyq_cli.typed import fitting_value, shown

Settings = TypeVar("Settings")


def setting(
    default: Any, text: str, *, least: float | None = None, most: float | None = None
) -> Any:
    """A field of a frozen dataclass whose `__post_init__` calls `check`.

    Args:
        default: Its value unless told otherwise.
        text: What it is, with its unit; help of its flag and comment in files.
        least: The smallest value allowed.
        most: The largest.
    """
    return field(default=default, metadata={"text": text, "least": least, "most": most})


def settings_of(kind: type[Any]) -> Iterator[tuple[Field[Any], Any]]:
    """The fields that are settings, each with its type."""
    hints = get_type_hints(kind)
    return ((f, hints[f.name]) for f in fields(kind) if "text" in f.metadata)


def check(settings: Any) -> None:
    """Bring all values to their types: whole numbers become floats, lists tuples, texts paths.

    Raises:
        InputError: a value that does not fit; the message names it and tells what it should be.
    """
    for one, kind in settings_of(type(settings)):
        value = getattr(settings, one.name)
        try:
            fitting = fitting_value(kind, value)
        except TypeError as error:
            text = one.metadata["text"]
            raise InputError(f"{one.name} = {shown(value)} should be {error}: {text}") from error
        least, most = one.metadata["least"], one.metadata["most"]
        if least is not None and fitting is not None and not fitting >= least:
            raise InputError(f"{one.name} = {value!r} should be at least {least}")
        if most is not None and fitting is not None and not fitting <= most:
            raise InputError(f"{one.name} = {value!r} should be at most {most}")
        object.__setattr__(settings, one.name, fitting)


def from_table(kind: type[Settings], table: Mapping[str, Any], where: str) -> Settings:
    """Settings from a table of a file that is called `where`.

    Raises:
        InputError: an unknown key, or a value that does not fit.
    """
    if unknown := table.keys() - {f.name for f in fields(kind)}:  # type: ignore[arg-type]
        raise InputError(f"{where}: unknown setting {', '.join(sorted(unknown)):.200}")
    try:
        return kind(**table)
    except InputError as error:
        raise InputError(f"{where}: {error}") from error


def to_lines(settings: Any) -> Iterator[str]:
    """Settings as lines of TOML, each with what it is; those without a value as a comment."""
    for one, _ in settings_of(type(settings)):
        value = getattr(settings, one.name)
        line = f"# {one.name}" if value is None else f"{one.name} = {toml(value)}"
        yield f"{line:<32}  # {one.metadata['text']}"


def toml(value: Any) -> str:
    """A value as TOML writes it."""
    if isinstance(value, tuple):
        return f"[{', '.join(map(toml, value))}]"
    if isinstance(value, (str, Path)):
        return json.dumps(str(value), ensure_ascii=False)  # TOML's basic strings are like JSON's
    return str(value).lower() if isinstance(value, bool) else repr(value)
