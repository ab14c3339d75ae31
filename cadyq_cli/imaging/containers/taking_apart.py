"""Any picture file taken apart by the parser of its kind."""

from __future__ import annotations

from typing import BinaryIO

from cadyq_cli.imaging.containers import bmp, heif, jpeg, jxl, png, tiff, webp
from cadyq_cli.imaging.containers.contents import Contents
from cadyq_cli.imaging.containers.raw import RAW, starts_as_raw

_START = 64  # bytes that tell what a file is


def take_apart(file: BinaryIO) -> Contents:
    """What a seekable file says, and what its pixels need; other files come back as they are."""
    file.seek(0)
    start = file.read(_START)
    if start.startswith(png.SIGNATURE):
        return png.take_apart(file)
    if start.startswith(b"\xff\xd8"):
        return jpeg.take_apart(file)
    if starts_as_raw(start):
        return Contents(pixels=file, refusal=RAW)
    if start.startswith(tiff.SIGNATURES):
        return tiff.take_apart(file)
    if start.startswith(bmp.SIGNATURE):
        return bmp.take_apart(file)
    if webp.is_webp(start):
        return webp.take_apart(file)
    if heif.is_avif(start):
        return heif.take_apart(file)
    if heif.is_heic(start):
        return heif.take_apart_heic(file)
    if jxl.is_jxl(start):
        return jxl.take_apart(file)
    file.seek(0)
    return Contents(pixels=file)
