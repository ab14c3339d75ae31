"""Which of a file's statements about its colours holds, and the ICC profile that says the same."""

from __future__ import annotations

from dataclasses import dataclass, replace

from cadyq_cli.imaging.colour_spaces.code_points import BT_709, PRIMARIES, TRANSFERS, Primaries
from cadyq_cli.imaging.colour_spaces.curves import SRGB, Curve, power
from cadyq_cli.imaging.colour_spaces.profiles import profile
from cadyq_cli.imaging.containers.statements import Cicp, Statements

_GAMMA_OF_SRGB, _ALIKE = 1 / 2.2, 0.01  # relative
_SAME_PLACE = 0.002  # of a chromaticity
_LAST = 255  # code point
_STEEPEST = 20.0  # gamma of a display, or of what undoes it


@dataclass(frozen=True, kw_only=True, slots=True)
class StatedColours:
    """How to state the colours of a picture; nothing if they are sRGB."""

    icc: bytes | None = None
    cicp: Cicp | None = None  # to be stated as well, or alone if no profile says the same
    notes: tuple[str, ...] = ()


def stated_colours(statements: Statements, *, gray: bool, png: bool) -> StatedColours:
    """What the strongest of the statements says of the colours.

    The order is that of PNG: code points, a profile, sRGB, then gamma with chromaticities. In AVIF
    a profile comes before code points, and decoding has made the range full.

    Args:
        statements: Of the file; its profile has to fit the pixels.
        gray: Whether to make a profile of gray instead of RGB.
        png: Whether this is a PNG file.

    Source: Portable Network Graphics Specification, third edition, 4.3; MIAF, ISO/IEC 23000-22.
    """
    if statements.cicp and (png or not statements.icc):
        cicp = statements.cicp if png else statements.cicp._replace(full_range=True)
        return _by_code_points(cicp, statements.icc, gray=gray)
    if statements.icc or statements.srgb is not None:
        return StatedColours(icc=statements.icc)
    return _by_gamma(statements.gamma, statements.chromaticities, gray=gray)


def named(cicp: Cicp) -> str:
    """What to call colours that are stated by code points."""
    known = {(9, 16): "BT.2100 PQ", (9, 18): "BT.2100 HLG", (12, 13): "Display P3"}
    numbers = f"primaries {cicp.primaries}, transfer {cicp.transfer} of ITU-T H.273"
    return known.get(cicp[:2], numbers)


def _by_code_points(cicp: Cicp, icc: bytes | None, *, gray: bool) -> StatedColours:
    """A profile made from code points; where none can say it, the file's own, if there is one."""
    if max(cicp[:2]) > _LAST:
        note = f"has colours of unknown {named(cicp)}, which are left out"
        return StatedColours(icc=icc, notes=(note,))
    cicp = cicp._replace(matrix=0)  # the pixels are RGB by now
    primaries, curve = PRIMARIES.get(cicp.primaries), TRANSFERS.get(cicp.transfer)
    if not cicp.full_range:
        note = "has colours of narrow range, which PNG alone can state"
        return StatedColours(icc=icc, cicp=cicp, notes=(note,))
    if primaries is None or curve is None:
        return StatedColours(icc=icc, cicp=cicp)
    if (primaries, curve) == (BT_709, SRGB):
        return StatedColours()
    return StatedColours(icc=profile(named(cicp), curve, None if gray else primaries), cicp=cicp)


def _by_gamma(
    gamma: float | None, chromaticities: tuple[float, ...] | None, *, gray: bool
) -> StatedColours:
    if gamma is not None and not 1 / _STEEPEST <= gamma <= _STEEPEST:
        note = f"states an impossible gamma, {gamma:g}, which is left out"
        return StatedColours(notes=(note,))
    curve, primaries = _curve(gamma), _primaries(chromaticities)
    if primaries == BT_709 and (curve == SRGB or _is_usual(gamma)):
        return StatedColours()
    name = f"Gamma {gamma:g}" if gamma else "sRGB curve"
    if primaries != BT_709:
        name += ", with chromaticities"
    try:
        return StatedColours(icc=profile(name, curve, None if gray else primaries))
    except ValueError as error:
        note = f"states impossible chromaticities ({error}), which are left out"
        return replace(_by_gamma(gamma, None, gray=gray), notes=(note,))


def _curve(gamma: float | None) -> Curve:
    return SRGB if gamma is None else power(1 / gamma)


def _is_usual(gamma: float | None) -> bool:
    """Whether PNG's gamma tells of sRGB, whose curve is no power."""
    return gamma is None or abs(gamma / _GAMMA_OF_SRGB - 1) < _ALIKE


def _primaries(chromaticities: tuple[float, ...] | None) -> Primaries:
    if chromaticities is None:
        return BT_709
    numbers = iter(chromaticities)
    stated = Primaries(*zip(numbers, numbers, strict=True))
    near = all(
        abs(one - other) < _SAME_PLACE
        for pair in zip(stated, BT_709, strict=True)
        for one, other in zip(*pair, strict=True)
    )
    return BT_709 if near else stated
