"""The card: everything it takes to rebuild a network, as plain JSON inside its weights file."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from typing import Any

FORMAT = 1

_KINDS = {"backbone": str, "settings": dict, "precision": str, "layers": dict, "about": dict}


@dataclass(frozen=True, kw_only=True)
class Card:
    """What a weights file says of itself.

    `precision` is a key of `quant.layers.PRECISIONS`, and `layers` are that execution's settings.
    `about` is for people: recipe, data, results. Nothing reads it to build the network.
    """

    backbone: str
    settings: dict[str, Any]
    precision: str = "float"
    layers: dict[str, Any] = field(default_factory=dict)
    about: dict[str, Any] = field(default_factory=dict)
    format: int = FORMAT

    @property
    def scale(self) -> int:
        """How many times as large an image becomes."""
        scale: int = self.settings["scale"]
        return scale

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Card:
        """Read a card back.

        Raises:
            ValueError: not a card, or one of another format.
        """
        entries = json.loads(text)
        if not isinstance(entries, dict):
            raise ValueError("its card is no JSON object")
        if entries.get("format") != FORMAT:
            raise ValueError(
                f"its format is {entries.get('format')}, this version of cadyq reads {FORMAT}"
            )
        known = {f.name for f in fields(cls)}
        if unknown := entries.keys() - known:
            raise ValueError(f"its card has unknown entries: {', '.join(sorted(unknown))}")
        if missing := {"backbone", "settings"} - entries.keys():
            raise ValueError(f"its card lacks {', '.join(sorted(missing))}")
        for name, kind in _KINDS.items():
            if not isinstance(entries.get(name, kind()), kind):
                raise ValueError(f"its card has {entries[name]!r} for {name}")
        if type(entries["settings"].get("scale")) is not int:
            raise ValueError("its card does not say the scale")
        return cls(**entries)
