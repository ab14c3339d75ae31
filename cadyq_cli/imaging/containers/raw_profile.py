"""Blocks that ImageMagick writes into PNG texts as hexadecimal digits."""

from __future__ import annotations

import re
from typing import Literal

from cadyq_cli.imaging.containers.photoshop import iptc_of

_KEYWORD = re.compile(r"Raw profile type (exif|app1|xmp|iptc|8bim|icc|icm)", re.IGNORECASE)
_FORM = re.compile(r"\s*\S+\s+(\d+)\s([\s0-9A-Fa-f]*)\0*")  # a name, a size, digits

Kind = Literal["exif", "xmp", "iptc", "icc"]


def kind_of(keyword: str) -> str | None:
    """What the text of a keyword holds in ImageMagick's words, in lower case, if it is of these."""
    found = _KEYWORD.fullmatch(keyword)
    return found[1].lower() if found else None


def unwrapped(kind: str, text: str) -> tuple[Kind, bytes] | None:
    """The block, and what it is; None if it holds nothing of interest.

    Raises:
        ValueError, struct.error: it is damaged.
    """
    form = _FORM.fullmatch(text)
    if form is None:
        raise ValueError("no raw profile")
    data = bytes.fromhex(form[2])
    if len(data) < int(form[1]):
        raise ValueError("cut off")
    data = data[: int(form[1])]
    if kind == "xmp":
        return "xmp", data
    if kind in ("icc", "icm"):
        return "icc", data
    if kind in ("iptc", "8bim"):
        records = iptc_of(data) if data.startswith(b"8BIM") else data
        return ("iptc", records) if records else None
    if data.startswith(b"http://ns.adobe.com/xap/1.0/\0"):
        return "xmp", data.split(b"\0", 1)[1]
    return "exif", data
