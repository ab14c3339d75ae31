"""Turns the words of a command line into values, without pydantic.

Typer loads pydantic to do so, 0.1 s, a quarter of what `cadyq upscale` takes to start. This reads
what Typer keeps to itself; where another version keeps it elsewhere, Typer does all the work.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import typer


def convert_plainly(parameters: Iterable[Any]) -> None:
    """Let Typer's parameters convert what is plainly right; all else is left to Typer."""
    for parameter in parameters:
        if usual := getattr(parameter, "process_value", None):
            parameter.process_value = partial(_processed, parameter, usual)


def _processed(parameter: Any, usual: Any, context: Any, given: Any) -> Any:
    """What the command gets for what was given, or for the default."""
    try:
        value, callback = _converted(parameter, given), parameter.callback
    except (AttributeError, KeyError, ValueError):
        return usual(context, given)
    return callback(context, parameter, value) if callback else value


def _converted(parameter: Any, given: Any) -> Any:
    """The value of one word, or of several for a list.

    Raises:
        KeyError, ValueError: it is wrong, or not plainly right.
        AttributeError: this version of Typer does not tell what it should be.
    """
    kind = parameter.type_descriptor.annotation
    if parameter.required and not given:
        raise ValueError
    if get_origin(kind) is list:
        (kind,) = get_args(kind)
        return [_value(kind, word) for word in given or ()]
    if given is None:
        return None
    value = _value(kind, given)
    low, high = parameter.min, parameter.max
    if not ((low is None or low <= value) and (high is None or value <= high)):
        raise ValueError
    return value


def _value(kind: Any, word: Any) -> Any:
    if get_origin(kind) is Literal:
        return {str(choice): choice for choice in get_args(kind)}[str(word)]
    if kind is Path and not word:
        raise typer.BadParameter("a name is missing")
    if kind not in (str, int, float, Path):
        raise ValueError
    return kind(word)
