"""The card: everything it takes to rebuild a network, as plain JSON inside its weights file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from cadyq_cli.engine.runner import DifferenceFit
from cadyq_cli.networks.format import FORMAT, MAX_CARD, MAX_OF_DIAL, MAX_OF_FIT, MAX_PRICE, SCALES
from cadyq_cli.plain_json import check_format, json_object
from cadyq_cli.quant.prices import Dial
from cadyq_cli.typed import shown

_KINDS = {
    "backbone": str,
    "settings": dict,
    "precision": str,
    "layers": dict,
    "plain": dict,
    "dial": dict,
    "about": dict,
}


@dataclass(frozen=True, kw_only=True)
class Card:
    """What a weights file says of itself.

    `precision` is a key of `quant.layers.PRECISIONS`, and `layers` are that execution's settings.
    `plain` are the numbers of a `DifferenceFit` and `dial` those of a `Dial`, or there are none.
    `about` is for people: recipe, data, results. Nothing reads it to build the network.
    """

    backbone: str
    settings: dict[str, Any]
    precision: str = "float"
    layers: dict[str, Any] = field(default_factory=dict)
    plain: dict[str, float] = field(default_factory=dict)
    dial: Mapping[str, Sequence[float]] = field(default_factory=dict)
    about: dict[str, Any] = field(default_factory=dict)
    format: int = FORMAT

    @property
    def scale(self) -> int:
        """How many times as large an image becomes."""
        scale: int = self.settings["scale"]
        return scale

    @property
    def difference_fit(self) -> DifferenceFit | None:
        """What tells where the network need not run."""
        return DifferenceFit(**self.plain) if self.plain else None

    @property
    def known_dial(self) -> Dial | None:
        """Which price of a bit leads to which average width."""
        if not self.dial:
            return None
        return Dial(tuple(self.dial["bits"]), tuple(self.dial["prices"]))

    def to_json(self) -> str:
        entries = asdict(self)
        for name in ("plain", "dial"):
            if not entries[name]:
                del entries[name]  # so that versions that do not know it can read the file
        return json.dumps(entries)

    @classmethod
    def from_json(cls, text: str) -> Card:
        """Read a card back.

        Raises:
            ValueError: not a card, or one of another format.
        """
        entries = json_object(text, MAX_CARD, "card")
        check_format(entries.get("format"), FORMAT, "card")
        known = {f.name for f in fields(cls)}
        if unknown := entries.keys() - known:
            names = ", ".join(sorted(unknown))
            raise ValueError(
                f"its card has unknown entries: {names:.200}; a newer cadyq may know them"
            )
        if missing := {"backbone", "settings"} - entries.keys():
            raise ValueError(f"its card lacks {', '.join(sorted(missing))}")
        for name, kind in _KINDS.items():
            if not isinstance(entries.get(name, kind()), kind):
                raise ValueError(f"its card has {shown(entries[name])} for {name}")
        _check_fit(entries.get("plain", {}))
        _check_dial(entries.get("dial", {}))
        scale = entries["settings"].get("scale")
        if type(scale) is not int:
            raise ValueError("its card does not say the scale")
        if scale not in SCALES:
            raise ValueError(f"its scale is {scale}, not from {SCALES[0]} to {SCALES[-1]}")
        return cls(**entries)


def _check_fit(plain: dict[str, Any]) -> None:
    """Refuse what is no fit of plain areas.

    Raises:
        ValueError: entries are missing or unknown, or no numbers within bounds.
    """
    if plain and plain.keys() != set(DifferenceFit._fields):
        raise ValueError(f"its card's plain has not the entries {', '.join(DifferenceFit._fields)}")
    for name, value in plain.items():
        if type(value) not in (int, float) or not abs(value) <= MAX_OF_FIT:
            raise ValueError(f"its card's plain has {shown(value)} for {name}")


def _check_dial(dial: dict[str, Any]) -> None:
    """Refuse what is no dial.

    Raises:
        ValueError: it lacks bits or prices, or they are not as many numbers in order.
    """
    if not dial:
        return
    if dial.keys() != set(Dial._fields):
        raise ValueError("its card's dial has not the entries bits, prices")
    for name, limits in (("bits", (2, 9)), ("prices", (-MAX_PRICE, MAX_PRICE))):
        values = dial[name]
        if not isinstance(values, list) or not 2 <= len(values) <= MAX_OF_DIAL:
            raise ValueError(f"its card's dial has not 2 to {MAX_OF_DIAL} {name}")
        if not all(type(v) in (int, float) and limits[0] <= v <= limits[1] for v in values):
            raise ValueError(f"its card's dial has {name} outside {limits[0]}..{limits[1]}")
    bits, prices = dial["bits"], dial["prices"]
    if len(bits) != len(prices) or sorted(set(bits)) != bits or sorted(prices)[::-1] != prices:
        raise ValueError("its card's dial has not a lower price for each average that is higher")
