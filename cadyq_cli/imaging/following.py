"""Where the first picture of a stream ends, and whether another one follows it."""

from __future__ import annotations

import re

_PNG = b"\x89PNG\r\n\x1a\n"
_PICTURES = re.compile(
    rb"\x89PNG\r\n\x1a\n|\xff\xd8\xff|GIF8[79]a|BM.{4}\0{4}|RIFF.{4}WEBP"
    rb"|II[*+]\0|MM\0[*+]|.{4}ftyp(avif|avis|hei[cx]|mif1)|\0{3}\x0cJXL ",
    re.DOTALL,
)
_JPEG_MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd8\xff]")
_JPEG_END = 0xD9
_GIF_EXTENSION, _GIF_PICTURE = 0x21, 0x2C


def is_followed(data: bytes) -> bool:
    """Whether another picture begins where the first one ends.

    Pictures that a JPEG's own segments tell of belong to it. No end is known of TIFF and AVIF.
    """
    end = _end(data)
    if end is None or _PICTURES.match(data, end) is None:
        return False
    return not (data.startswith(b"\xff\xd8") and re.search(rb"MPF\0|hdrgm|Container", data[:end]))


def _end(data: bytes) -> int | None:
    """The place behind the first picture; None if that is not known, or its end is missing."""
    try:
        if data.startswith(_PNG):
            return _png_end(data)
        if data.startswith(b"\xff\xd8"):
            return _jpeg_end(data)
        if data.startswith(b"GIF8"):
            return _gif_end(data)
    except IndexError:  # it is cut off
        return None
    if data.startswith(b"RIFF"):
        size = int.from_bytes(data[4:8], "little")
        return 8 + size + size % 2
    if data.startswith(b"BM"):
        return int.from_bytes(data[2:6], "little") or None
    return None


def _png_end(data: bytes) -> int:
    at, kind = len(_PNG), b""
    while kind != b"IEND":
        kind = data[at + 4 : at + 8]
        if not kind:
            raise IndexError
        at += 12 + int.from_bytes(data[at : at + 4], "big")
    return at


def _jpeg_end(data: bytes) -> int:
    at = 2
    while marker := _JPEG_MARKER.search(data, at):
        at = marker.end()
        if data[at - 1] == _JPEG_END:
            return at
        at += max(2, int.from_bytes(data[at : at + 2], "big"))
    raise IndexError


def _gif_end(data: bytes) -> int:
    at = 13 + _gif_colours(data[10])
    while data[at] in (_GIF_EXTENSION, _GIF_PICTURE):
        at += 2 if data[at] == _GIF_EXTENSION else 11 + _gif_colours(data[at + 9])
        while length := data[at]:
            at += 1 + length
        at += 1
    return at + 1


def _gif_colours(flags: int) -> int:
    """Bytes of a table of colours."""
    return 3 << (flags % 8 + 1) if flags & 0x80 else 0
