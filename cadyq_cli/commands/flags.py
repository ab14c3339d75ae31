"""Flags in what people read: errors name settings, and a command says its own flags."""

from __future__ import annotations

import re
from typing import Any


def long_flag(option: Any) -> str:
    """The first long name of one of Typer's options, such as "--scale"."""
    return str(next((name for name in option.opts if name.startswith("--")), option.opts[0]))


def with_flags(message: str, command: Any) -> str:
    """A message with a command's own flags for the settings that it names; see `CadyqError`."""
    options = () if command is None else command.params
    flags = {f"`{option.name}`": long_flag(option) for option in options}
    return re.sub(r"`\w+`", lambda name: flags.get(name[0], name[0]), message)
