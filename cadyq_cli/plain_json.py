"""JSON from files that anybody may have written."""

from __future__ import annotations

import json
from typing import Any

LARGEST = 2**63 - 1  # of a whole number, either way: it fits 64 bits


def parsed(text: str | bytes) -> Any:
    """What a text in JSON says. NaN and infinities, which JSON lacks, are read too.

    Raises:
        ValueError: it is no JSON, is nested deeper than Python takes, or has longer whole numbers;
            the message is one line.
    """
    try:
        return json.loads(text, parse_int=_whole)
    except RecursionError as error:
        raise ValueError("is nested too deeply") from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"is no JSON: {error}") from error


def json_object(text: str, longest: int, of: str) -> dict[str, Any]:
    """The entries of an object in JSON of a limited length.

    Raises:
        ValueError: it is longer, or no such object; the message names what it is `of`.
    """
    if len(text) > longest:
        raise ValueError(f"its {of} has more than {longest} characters")
    try:
        entries = parsed(text)
    except ValueError as error:
        raise ValueError(f"its {of} {error}") from error
    if not isinstance(entries, dict):
        raise ValueError(f"its {of} is no JSON object")
    return entries


def check_format(number: Any, newest: int, of: str) -> None:
    """Refuse an object of a format that a later version wrote, or nobody.

    Raises:
        ValueError: `number` is not that of a format up to the newest that this version reads.
    """
    if type(number) is not int or number < 1:
        raise ValueError(f"its {of} does not state its format")
    if number > newest:
        raise ValueError(
            f"was made by a newer cadyq (format {number}); upgrade: this version reads up to"
            f" {newest}"
        )


def _whole(digits: str) -> int:
    if len(digits) > len(str(-LARGEST)) or abs(int(digits)) > LARGEST:
        raise ValueError(f"holds a whole number beyond {LARGEST}")
    return int(digits)
