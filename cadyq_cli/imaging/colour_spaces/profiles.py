"""ICC profiles for displays: primaries and a curve, or a curve alone for gray."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cadyq_cli.imaging.colour_spaces.code_points import BT_709, Primaries
from cadyq_cli.imaging.colour_spaces.curves import Curve

_D50 = np.array([0.9642, 1.0, 0.8249])  # the white that profiles are made for
_BRADFORD = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)
_VERSION = 0x04300000
_DATE = (2025, 1, 1, 0, 0, 0)  # always the same, so that results are
_HEADER_BYTES = 128
_LARGEST = 32767.0  # that a number in a profile can be

Matrix = NDArray[np.float64]


def profile(description: str, curve: Curve, primaries: Primaries | None = None) -> bytes:
    """The profile of RGB with these primaries, or of gray if there are none.

    Args:
        description: What programs show as its name.
        curve: Of every channel.
        primaries: Of the display; its white becomes the profile's.

    Raises:
        ValueError: no colours come of these primaries, or the numbers do not fit a profile.

    Source: ICC.1:2010 (profile version 4.3): headers, tags, and the Bradford transform of annex E.
    """
    if primaries is None:
        return _assembled(b"GRAY", description, {b"kTRC": _curve(curve)})
    return _of_rgb(description, _curve(curve), primaries)


def for_equal_channels(icc: bytes | None) -> bytes | None:
    """The profile of RGB that shows equal channels as a profile of gray shows one.

    None if that has no curve of light; other profiles come back as they are.
    """
    if icc is None or icc[16:20] != b"GRAY":
        return icc
    if icc[20:24] != b"XYZ " or len(icc) < _HEADER_BYTES + 4:  # in Lab, curves are of lightness
        return None
    (count,) = struct.unpack_from(">I", icc, _HEADER_BYTES)
    table = icc[_HEADER_BYTES + 4 :][: 12 * count]
    for name, place, size in struct.iter_unpack(">4sII", table[: len(table) // 12 * 12]):
        curve = icc[place : place + size]
        if name == b"kTRC" and curve[:4] in (b"curv", b"para"):
            return _of_rgb("Gray", curve, BT_709)
    return None


def _of_rgb(description: str, curve: bytes, primaries: Primaries) -> bytes:
    """The profile whose channels all have the tag of a curve."""
    adapted, colours = _colourants(primaries)
    tags = {b"chad": b"sf32\0\0\0\0" + _numbers(adapted.ravel())}
    for name, column in zip((b"r", b"g", b"b"), colours.T, strict=True):
        tags[name + b"XYZ"] = _xyz(column)
        tags[name + b"TRC"] = curve
    return _assembled(b"RGB ", description, tags)


def _colourants(primaries: Primaries) -> tuple[Matrix, Matrix]:
    """How white becomes D50, and the columns that red, green and blue then have in XYZ."""
    white, *others = (_light(x, y) for x, y in primaries)
    columns = np.stack(others, axis=1)
    try:
        shares = np.linalg.solve(columns, white)
    except np.linalg.LinAlgError as error:
        raise ValueError("the primaries lie on a line") from error
    if (shares <= 0).any():
        raise ValueError("white lies outside the primaries")
    gains = (_BRADFORD @ _D50) / (_BRADFORD @ white)
    adapted = np.linalg.inv(_BRADFORD) @ np.diag(gains) @ _BRADFORD
    return adapted, adapted @ (columns * shares)


def _light(x: float, y: float) -> Matrix:
    """XYZ of a chromaticity, where Y is 1."""
    if y <= 0:
        raise ValueError(f"no light has the chromaticity {x:g}, {y:g}")
    return np.array([x / y, 1.0, (1 - x - y) / y])


def _assembled(space: bytes, description: str, tags: dict[bytes, bytes]) -> bytes:
    """The header, the table of tags, and what they hold, each piece once and at a multiple of 4."""
    texts = {b"desc": _text(description), b"cprt": _text("No copyright")}
    tags = texts | {b"wtpt": _xyz(_D50)} | tags
    start = _HEADER_BYTES + 4 + 12 * len(tags)
    table, body, places = struct.pack(">I", len(tags)), b"", dict[bytes, int]()
    for name, data in tags.items():
        if data not in places:
            places[data] = start + len(body)
            body += data + bytes(-len(data) % 4)
        table += struct.pack(">4sII", name, places[data], len(data))
    size = start + len(body)
    head = struct.pack(">I4xI4s4s4s", size, _VERSION, b"mntr", space, b"XYZ ")
    head += struct.pack(">6H4s", *_DATE, b"acsp") + bytes(28) + _numbers(_D50)
    return head.ljust(_HEADER_BYTES, b"\0") + table + body


def _curve(curve: Curve) -> bytes:
    kind, numbers = (0, curve[:1]) if curve == Curve(curve.gamma) else (3, curve)
    return b"para\0\0\0\0" + struct.pack(">HH", kind, 0) + _numbers(numbers)


def _xyz(colour: Matrix) -> bytes:
    return b"XYZ \0\0\0\0" + _numbers(colour)


def _text(text: str) -> bytes:
    """One text, in American English as profiles have it."""
    data = text.encode("utf-16-be")
    return b"mluc\0\0\0\0" + struct.pack(">II2s2sII", 1, 12, b"en", b"US", len(data), 28) + data


def _numbers(values: Any) -> bytes:
    """Each as a multiple of 1/65536."""
    numbers = np.asarray(values, np.float64)
    if not (np.abs(numbers) < _LARGEST).all():
        raise ValueError("a number is too large for a profile")
    return np.rint(numbers * 65536).astype(">i4").tobytes()
