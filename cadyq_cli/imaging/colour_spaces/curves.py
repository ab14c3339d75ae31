"""Curves from stored values to light, both 0..1, as an ICC profile's parametric curves."""

from __future__ import annotations

from typing import NamedTuple


class Curve(NamedTuple):
    """``(a * x + b) ** gamma``, and ``c * x`` below d; a power alone unless the rest is given."""

    gamma: float
    a: float = 1.0
    b: float = 0.0
    c: float = 0.0
    d: float = 0.0


def power(gamma: float) -> Curve:
    """The curve of a display of this gamma, such as 2.2."""
    return Curve(gamma)


def _with_linear_start(gamma: float, alpha: float, slope: float, end: float) -> Curve:
    """The curve whose inverse is ``slope * light`` up to stored values of `end`."""
    return Curve(gamma, 1 / alpha, 1 - 1 / alpha, 1 / slope, end)


# Sources: IEC 61966-2-1; ITU-T H.273, table 3.
SRGB = _with_linear_start(2.4, 1.055, 12.92, 0.04045)
CAMERA = _with_linear_start(1 / 0.45, 1.099296826809442, 4.5, 4.5 * 0.018053968510807)  # BT.709
SMPTE_240M = _with_linear_start(1 / 0.45, 1.111572195921731, 4.0, 4.0 * 0.022821585529445)
