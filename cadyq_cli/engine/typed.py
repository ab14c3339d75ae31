"""Dataclasses from plain JSON, every value of the kind that its field declares."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

T = TypeVar("T")
MOST_ENTRIES = 65536  # of a list
LONGEST_TEXT = 256  # characters of a name


def made(kind: type[T], entries: Any) -> T:
    """A dataclass from a JSON object.

    Raises:
        ValueError: see `values`.
    """
    return kind(**values(kind, entries))


def values(kind: type[Any], entries: Any) -> dict[str, Any]:
    """What to make a dataclass with, from a JSON object.

    Raises:
        ValueError: an entry is missing, unknown, or of another kind; the message names it.
    """
    noun = kind.__name__.lower()
    if not isinstance(entries, dict):
        raise ValueError(f"{shown(entries)} is no {noun}")
    kinds, needed = _declared(cast("Hashable", kind))
    if unknown := entries.keys() - kinds.keys():
        raise ValueError(f"a {noun} has no {shown(min(unknown))}")
    if missing := needed - entries.keys():
        raise ValueError(f"a {noun} needs {', '.join(sorted(missing))}")
    return {name: _value(kinds[name], entry, name) for name, entry in entries.items()}


@cache
def _declared(kind: Any) -> tuple[Mapping[str, Any], frozenset[str]]:
    """The kinds of a dataclass's fields, and the fields without a default."""
    needed = frozenset(field.name for field in fields(kind) if field.default is MISSING)
    return get_type_hints(kind), needed


def _value(kind: Any, value: Any, name: str) -> Any:
    origin = get_origin(kind)
    if origin in (Union, UnionType):
        return _value(_fitting(get_args(kind), value), value, name)
    if origin is tuple and isinstance(value, list) and len(value) <= MOST_ENTRIES:
        return tuple(_value(get_args(kind)[0], each, name) for each in value)
    if origin is Literal and isinstance(value, str) and value in get_args(kind):
        return value
    if is_dataclass(kind) and isinstance(kind, type):
        return value if isinstance(value, kind) else made(kind, value)
    if kind is float and type(value) in (int, float) and abs(value) < math.inf:
        return _float(value, name)
    if kind is str and type(value) is str and len(value) <= LONGEST_TEXT and value.isprintable():
        return value
    if kind in (bool, int, NoneType) and type(value) is kind:
        return value
    raise ValueError(f"{shown(value)} is no {name}")


def _fitting(kinds: tuple[Any, ...], value: Any) -> Any:
    """Which of several kinds a value is meant to be."""
    if value is None and NoneType in kinds:
        return NoneType
    others = [kind for kind in kinds if kind is not NoneType]
    return str if str in others and isinstance(value, str) else others[0]


def _float(value: float, name: str) -> float:
    try:
        return float(value)
    except OverflowError:
        raise ValueError(f"a {name} is too large") from None


def shown(value: Any) -> str:
    """A JSON value in a line of an error."""
    if isinstance(value, (dict, list)):
        return "an object" if isinstance(value, dict) else "a list"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
