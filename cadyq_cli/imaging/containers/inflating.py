"""Compressed statements, without trusting how long they will be."""

from __future__ import annotations

import zlib


def inflated(data: bytes, largest: int) -> bytes:
    """The content of a whole zlib stream.

    Raises:
        ValueError: it is damaged, cut off, or would be longer than `largest` bytes.
    """
    stream = zlib.decompressobj()
    try:
        content = stream.decompress(data, largest + 1)
    except zlib.error as error:
        raise ValueError(str(error)) from error
    if len(content) > largest or not stream.eof:
        raise ValueError("cut off or too long")
    return content
