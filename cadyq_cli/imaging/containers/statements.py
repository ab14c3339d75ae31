"""What a picture file says beside its pixels, as it stands there, before anything is believed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple


class Cicp(NamedTuple):
    """Colours by code points, as PNG's cICP chunk and AVIF's nclx box state them.

    Source: ITU-T H.273.
    """

    primaries: int
    transfer: int
    matrix: int
    full_range: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Statements:
    """Raw blocks by kind; None, or nothing, where the file does not say."""

    exif: bytes | None = None  # a TIFF structure, without the prefix "Exif"
    xmp: bytes | None = None  # the main packet, as in the file
    icc: bytes | None = None
    iptc: bytes | None = None  # IPTC-IIM records, without Photoshop's wrapping
    comment: bytes | None = None  # in an unknown encoding
    text: Mapping[str, str] = field(default_factory=dict)  # by keyword, as in PNG
    dpi: tuple[float, float] | None = None  # across, down
    gamma: float | None = None  # PNG's gAMA: the exponent of encoding, such as 0.45455
    chromaticities: tuple[float, ...] | None = None  # PNG's cHRM: x, y of white, red, green, blue
    srgb: int | None = None  # PNG's rendering intent
    cicp: Cicp | None = None
    others: tuple[str, ...] = ()  # what else the file holds: "a gain map", "a video"
    notes: tuple[str, ...] = ()  # what could not be used, and why
