"""How many pixels an inch of a picture has, by EXIF or the like."""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping

from cadyq_cli.imaging.exif import byte_order, directory

ACROSS, DOWN, UNIT = 282, 283, 296  # tags
_RATIONAL, _SHORT = 5, 3
_CENTIMETRES = 3
INCH = 2.54  # centimetres


def resolution_of(exif: bytes) -> tuple[float, float] | None:
    """Dots an inch, across and down, as the first directory states them; None if it does not."""
    try:
        order, places = byte_order(exif), directory(exif).places
        numbers = {tag: _number(exif, order, places[tag]) for tag in (ACROSS, DOWN)}
        unit = _number(exif, order, places[UNIT]) if UNIT in places else 2
    except (KeyError, struct.error, ValueError):
        return None
    return in_inches(numbers, unit)


def in_inches(numbers: Mapping[int, float], unit: float) -> tuple[float, float] | None:
    """Dots an inch from the values of the tags; None where they are of no use."""
    factor = {2: 1.0, _CENTIMETRES: INCH}.get(int(unit))
    across, down = numbers.get(ACROSS, 0), numbers.get(DOWN, 0)
    if factor is None or not all(0 < number < math.inf for number in (across, down)):
        return None
    return across * factor, down * factor


def _number(exif: bytes, order: str, place: int) -> float:
    kind, count = struct.unpack_from(order + "HI", exif, place + 2)
    if count != 1:
        raise ValueError("not one number")
    if kind == _SHORT:
        return float(struct.unpack_from(order + "H", exif, place + 8)[0])
    (value,) = struct.unpack_from(order + "I", exif, place + 8)
    if kind != _RATIONAL:
        return float(value)
    above, below = struct.unpack_from(order + "II", exif, value)
    return above / below if below else 0.0
