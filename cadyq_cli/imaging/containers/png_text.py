"""The texts of a PNG file, plain and compressed, and the blocks that are kept in them."""

from __future__ import annotations

from cadyq_cli.imaging.containers import raw_profile
from cadyq_cli.imaging.containers.gathering import NAMES, Gathering
from cadyq_cli.imaging.containers.inflating import inflated

_XMP = "XML:com.adobe.xmp"


def read_text(kind: bytes, content: bytes, found: Gathering) -> None:
    """Gather one text chunk: tEXt, zTXt or iTXt.

    Raises:
        ValueError: it is damaged before its keyword is known.
    """
    name, value = content.split(b"\0", 1)
    keyword = name.decode("latin-1")
    if not keyword or len(keyword) > 79:
        raise ValueError("no keyword")
    profile = raw_profile.kind_of(keyword)
    with found.tolerating(_name(keyword, profile)):
        compressed = kind == b"zTXt"
        if kind == b"zTXt":
            method, value = value[0], value[1:]
        elif kind == b"iTXt":
            compressed, method = bool(value[0]), value[1]
            value = value[2:].split(b"\0", 2)[2]
        if compressed:
            if method != 0:
                raise ValueError("unknown compression")
            value = inflated(value, found.left)
            found.take(len(value))
        if keyword == _XMP:
            found.keep("xmp", value)
            return
        text = value.decode("utf-8" if kind == b"iTXt" else "latin-1")
        if profile is None:
            before = found.text.get(keyword)
            found.text[keyword] = text if before is None else f"{before}\n{text}"
        elif block := raw_profile.unwrapped(profile, text):
            found.keep(*block)


def _name(keyword: str, profile: str | None) -> str:
    if keyword == _XMP:
        return NAMES["xmp"]
    if profile is None:
        return f"its text {keyword!r}"
    return NAMES.get(profile, f"its {keyword!r}")
