"""Which files of a folder are a picture, and which its smaller or resampled versions."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Literal, NamedTuple

_TAG = r"(?P<kind>HR|GT|LR|LQ)"
_SCALE = r"(?:[_-]?x?(?P<scale>\d))?"
_MADE = r"bicubic|bilinear|nearest|lanczos\d?"
_TAGGED = (
    re.compile(rf"(?P<base>.+)[_-]{_TAG}(?:[_-](?:{_MADE}|BI|BD))?{_SCALE}", re.IGNORECASE),
    re.compile(rf"{_TAG}{_SCALE}[_-](?P<base>.+)", re.IGNORECASE),
)
_BY_METHOD = re.compile(r"(?P<base>.+_SRF_\d)_.+")  # img_001_SRF_4_bicubic
_SCALED = re.compile(r"(?P<base>.+?)[_-]?x(?P<scale>\d)", re.IGNORECASE)
_RESAMPLED = re.compile(rf"(?P<base>.+)[_-](?:{_MADE})", re.IGNORECASE)
_FACTOR = re.compile(r".+_SRF_(\d)")

Kind = Literal["large", "small", "other"]


class Version(NamedTuple):
    """What a file is by its name."""

    base: str  # of the picture, the same for all its versions
    kind: Kind  # "other": as large as the picture, but resampled
    scale: int | None = None  # how many times smaller, if the name says so


def versions(stems: Collection[str]) -> dict[str, Version]:
    """What the files of a folder are, by their names without suffixes.

    Test sets have ``a_HR`` and ``a_LR`` or ``a_LR4`` (RealSR), ``a_SRF_4_HR``, ``a_SRF_4_LR`` and
    ``a_SRF_4_bicubic`` (SelfExSR), ``a_x1`` and ``a_x4`` (DRealSR) in one folder. ``a_x4``, ``ax4``
    and ``a_bicubic`` are versions only beside ``a``, as any name may end so.
    """
    found = {stem: _tagged(stem) for stem in stems}
    there = {version.base for version in found.values() if version and version.kind == "large"}
    there |= {stem for stem, version in found.items() if version is None}
    there |= {stem[:-3] for stem in stems if stem.lower().endswith("_x1")}
    return {stem: version or _beside(stem, there) for stem, version in found.items()}


def _tagged(stem: str) -> Version | None:
    """What a name says that is clear by itself."""
    for pattern in _TAGGED:
        if match := pattern.fullmatch(stem):
            base, factor = match["base"], _FACTOR.fullmatch(match["base"])
            scale = match["scale"] or (factor[1] if factor else None)
            large = match["kind"].upper() in ("HR", "GT")
            return Version(base, "large" if large else "small", int(scale) if scale else None)
    if match := _BY_METHOD.fullmatch(stem):
        return Version(match["base"], "other")
    return None


def _beside(stem: str, there: Collection[str]) -> Version:
    """What a name means beside those of pictures."""
    if (match := _SCALED.fullmatch(stem)) and match["base"] in there:
        scale = int(match["scale"])
        return Version(match["base"], "small" if scale > 1 else "large", scale)
    if (match := _RESAMPLED.fullmatch(stem)) and match["base"] in there:
        return Version(match["base"], "other")
    return Version(stem, "large")
