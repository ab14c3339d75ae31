"""What brotli has compressed, without trusting how long it will be."""

from __future__ import annotations

from cadyq_cli.imaging.plugins.plugin import BROTLI


class MissingBrotliError(Exception):
    """The package is not installed."""


def decompressed(data: bytes, largest: int) -> bytes:
    """The content of a whole stream.

    Raises:
        ValueError: it is damaged, cut off, or would be longer than `largest` bytes.
        MissingBrotliError: brotli is not installed.
    """
    if not BROTLI.is_installed:
        raise MissingBrotliError
    import brotli

    stream = brotli.Decompressor()
    try:
        content: bytes = stream.process(data, output_buffer_limit=largest + 1)
    except brotli.error as error:
        raise ValueError(str(error)) from error
    if len(content) > largest or not stream.is_finished():
        raise ValueError("cut off or too long")
    return content
