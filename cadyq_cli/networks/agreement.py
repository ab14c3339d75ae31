"""Whether a weights file's card and its program speak of the same network."""

from __future__ import annotations

from cadyq_cli.engine.program import Program
from cadyq_cli.networks.card import Card

_BITS = 8  # of a static network whose card says nothing else
_WIDTHS = (4, 6, 8)  # of a dynamic one; both as in `quant.layers`


def check_alike(card: Card, program: Program) -> None:
    """Compare scale, precision, and the widths of counted sites.

    Raises:
        ValueError: they differ; the message says in what.
    """
    if card.scale != program.scale:
        raise ValueError(f"its card says x{card.scale}, its program x{program.scale}")
    counted = [grid for grid in program.grids if grid.name is not None]
    if wrong := [grid for grid in counted if grid.selects != (card.precision == "dynamic")]:
        chooses = "chooses" if wrong[0].selects else "does not choose"
        raise ValueError(
            f"its card says {card.precision!r}, but {wrong[0].name!r} {chooses} a width"
        )
    if card.precision == "float" and counted:
        raise ValueError(f"its card says float, but {counted[0].name!r} is a site")
    if wrong := [grid for grid in counted if list(grid.widths) != _widths(card)]:
        widths = ", ".join(map(str, wrong[0].widths))
        raise ValueError(f"its card does not say the widths {widths} of {wrong[0].name!r}")


def _widths(card: Card) -> list[object]:
    """Those that the card says of every counted site."""
    if card.precision == "static":
        return [card.layers.get("bits", _BITS)]
    widths = card.layers.get("widths", _WIDTHS)
    return list(widths) if isinstance(widths, (list, tuple)) else [widths]
