"""Primaries and transfer curves by the code points of ITU-T H.273, as PNG and AVIF state them."""

from __future__ import annotations

from typing import NamedTuple

from cadyq_cli.imaging.colour_spaces.curves import CAMERA, SMPTE_240M, SRGB, Curve, power

UNSPECIFIED = 2


class Primaries(NamedTuple):
    """The x and y of the CIE 1931 diagram."""

    white: tuple[float, float]
    red: tuple[float, float]
    green: tuple[float, float]
    blue: tuple[float, float]


_D65, _C, _DCI = (0.3127, 0.3290), (0.310, 0.316), (0.314, 0.351)

BT_709 = Primaries(_D65, (0.640, 0.330), (0.300, 0.600), (0.150, 0.060))
_BT_601_525 = Primaries(_D65, (0.630, 0.340), (0.310, 0.595), (0.155, 0.070))

PRIMARIES = {
    1: BT_709,
    UNSPECIFIED: BT_709,
    4: Primaries(_C, (0.67, 0.33), (0.21, 0.71), (0.14, 0.08)),  # NTSC 1953
    5: Primaries(_D65, (0.64, 0.33), (0.29, 0.60), (0.15, 0.06)),  # BT.601, 625 lines
    6: _BT_601_525,
    7: _BT_601_525,  # SMPTE 240M
    8: Primaries(_C, (0.681, 0.319), (0.243, 0.692), (0.145, 0.049)),  # film
    9: Primaries(_D65, (0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),  # BT.2020 and BT.2100
    11: Primaries(_DCI, (0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),  # DCI-P3
    12: Primaries(_D65, (0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),  # Display P3
    22: Primaries(_D65, (0.630, 0.340), (0.295, 0.605), (0.155, 0.077)),  # EBU 3213
}
TRANSFERS: dict[int, Curve] = {  # PQ (16) and HLG (18) reach beyond the white of any profile
    1: CAMERA,
    UNSPECIFIED: SRGB,
    4: power(2.2),
    5: power(2.8),
    6: CAMERA,
    7: SMPTE_240M,
    8: power(1),
    11: CAMERA,
    12: CAMERA,
    13: SRGB,
    14: CAMERA,
    15: CAMERA,
}
