"""Options as fields of frozen dataclasses.

Those do without `eq` and `repr`, code that Python would write anew each time that `cadyq` starts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, dataclass, field
from typing import Any


@dataclass(frozen=True, eq=False, repr=False)
class Exclusion:
    """Settings that contradict the one that declares this, and with which words to refuse them."""

    others: tuple[str, ...]
    words: str  # {option} and {other} are settings


def against(*others: str, because: str = "", words: str = "") -> Exclusion:
    """An exclusion in the usual words, with a reason, or in words of its own."""
    reason = f": {because}" if because else ""
    return Exclusion(others, words or "`{option}` and `{other}` contradict each other" + reason)


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Option:
    """What a command line and its help say of a setting."""

    text: str
    names: tuple[str, ...] = ()  # flags; the long one is made of the setting's name if none is here
    metavar: str | None = None  # None: by the type
    least: float | None = None
    most: float | None = None
    usually: str = ""  # what help says of a default that has no value of its own
    common: bool = False  # shown by -h
    excludes: tuple[Exclusion, ...] = ()
    check: Callable[[Any], Any] | None = None  # returns the value, or raises typer.BadParameter
    positional: bool = False


def option(default: Any, text: str, *names: str, **more: Any) -> Any:
    """A field that is an option; ``...`` has no default. The rest is as in `Option`."""
    found = Option(text=text, names=names, **more)
    return field(default=MISSING if default is ... else default, metadata={"option": found})


def argument(default: Any, text: str, *, metavar: str) -> Any:
    """A field that is an argument without a flag, shown by -h; ``...`` has no default."""
    return option(default, text, metavar=metavar, common=True, positional=True)
