"""Values from files and flags, brought to the types that settings have."""

from __future__ import annotations

import math
import reprlib
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

MAX_NUMBER = 2**63 - 1  # what TOML promises of whole numbers

_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 80


def fitting_value(kind: Any, value: Any) -> Any:
    """The value as its type; a TypeError says what else it should be."""
    origin, parts = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return None if value is None else fitting_value(parts[0], value)
    if origin is Literal:
        if value not in parts:
            raise TypeError("one of " + ", ".join(map(str, parts)))
        return value
    if origin is tuple:
        if not isinstance(value, (list, tuple)):
            raise TypeError("a list")
        return tuple(fitting_value(parts[0], item) for item in value)
    if kind is Path and isinstance(value, (str, Path)):
        if "\0" in str(value):
            raise TypeError("a path")
        return Path(value)
    if isinstance(value, int) and abs(value) > MAX_NUMBER:
        raise TypeError(f"at most {MAX_NUMBER}")
    if kind is float and isinstance(value, (int, float)) and not isinstance(value, bool):
        if not math.isfinite(value):
            raise TypeError("a finite number")
        return float(value)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        names = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}
        raise TypeError(names.get(kind, kind.__name__))
    return value


def shown(value: Any) -> str:
    """A value as a message quotes it: cut short if it is long or nested."""
    return _SHORT.repr(value)
