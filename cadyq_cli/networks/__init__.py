"""Trained networks in files: our own format, the authors', and the community's.

What stands in `__all__` is imported when it is first used, as most of it needs torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cadyq_cli.networks.card import Card
    from cadyq_cli.networks.file import load, save
    from cadyq_cli.networks.network import Network
    from cadyq_cli.networks.official import load_official

__all__ = ["Card", "Network", "load", "load_official", "save"]

_HOME = {
    "Card": "card",
    "Network": "network",
    "load": "file",
    "load_official": "official",
    "save": "file",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
