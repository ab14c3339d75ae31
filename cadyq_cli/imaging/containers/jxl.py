"""JPEG XL taken apart: the boxes of its container, if it has one."""

from __future__ import annotations

from typing import BinaryIO

from cadyq_cli.imaging.containers.boxes import Box, boxes
from cadyq_cli.imaging.containers.contents import Contents
from cadyq_cli.imaging.containers.gathering import NAMES, Block, Gathering
from cadyq_cli.imaging.containers.jxl_header import SIGNATURE
from cadyq_cli.imaging.plugins.brotli import MissingBrotliError, decompressed
from cadyq_cli.imaging.plugins.jxl import JxlPixels
from cadyq_cli.imaging.plugins.plugin import BROTLI, JXL

CONTAINER = b"\0\0\0\x0cJXL \r\n\x87\n"
_BLOCKS: dict[bytes, Block] = {b"Exif": "exif", b"xml ": "xmp"}
_COMPRESSED, _JPEG, _GAIN_MAP = b"brob", b"jbrd", b"jhgm"
_PARTIAL = 4  # bytes of a number before a part of the codestream
_BEFORE_EXIF = 4  # bytes that tell where it starts


def is_jxl(start: bytes) -> bool:
    """Whether a file that starts so is a JPEG XL file."""
    return start.startswith((SIGNATURE, CONTAINER))


def take_apart(file: BinaryIO) -> Contents:
    """The statements of a JPEG XL file, and its pixels.

    What would make a JPEG file of it again is left out, as that would be decoded instead.

    Source: ISO/IEC 18181-2:2024, clause 9.
    """
    found = Gathering()
    file.seek(0)
    if not JXL.is_installed:
        return Contents(pixels=file, refusal=f"is a JPEG XL image; to read it: {JXL.install}")
    data = file.read()
    if not data.startswith(CONTAINER):
        return Contents(pixels=file, coded=JxlPixels(data, data), statements=found.statements())
    codestream, pixels, before = b"", data, 0
    for box in boxes(data, 0, len(data)):
        if box.kind == b"jxlc":
            codestream = data[box.start : box.end]
        elif box.kind == b"jxlp":
            codestream += data[box.start + _PARTIAL : box.end]
        elif box.kind == _JPEG:
            pixels = data[:before] + data[box.end :]
        elif box.kind == _GAIN_MAP:
            found.others.append("a gain map")
        _state(data, box, found)
        before = box.end
    coded = JxlPixels(pixels, codestream)
    return Contents(pixels=file, coded=coded, statements=found.statements())


def _state(data: bytes, box: Box, found: Gathering) -> None:
    """Gather what a box says."""
    compressed = box.kind == _COMPRESSED
    kind = data[box.start : box.start + 4] if compressed else box.kind
    block = _BLOCKS.get(kind)
    if block is None:
        return
    with found.tolerating(NAMES[block]):
        content = data[box.start + (4 if compressed else 0) : box.end]
        if compressed:
            try:
                content = decompressed(content, found.left)
            except MissingBrotliError:
                found.notes.append(f"{NAMES[block]} is left out; to keep it: {BROTLI.install}")
                return
        found.take(len(content))
        found.keep(block, _bare(content) if block == "exif" else content)


def _bare(exif: bytes) -> bytes:
    """EXIF without the place of its start, which some programs leave out."""
    if exif.startswith((b"II*\0", b"MM\0*")):
        return exif
    return exif[_BEFORE_EXIF + int.from_bytes(exif[:_BEFORE_EXIF], "big") :]
