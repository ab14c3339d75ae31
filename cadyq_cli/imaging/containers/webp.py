"""WebP taken apart into the chunks of its RIFF container."""

from __future__ import annotations

import struct
from typing import BinaryIO

from cadyq_cli.imaging.containers.contents import Contents
from cadyq_cli.imaging.containers.gathering import NAMES, Block, Gathering
from cadyq_cli.imaging.containers.pieces import Piece, joined

_BLOCKS: dict[bytes, Block] = {b"ICCP": "icc", b"EXIF": "exif", b"XMP ": "xmp"}
_PIXELS = (b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ANMF")
_STATED = 0x20 | 0x08 | 0x04  # flags of VP8X: a profile, EXIF, XMP
_HEADER = 12  # bytes: RIFF, the size of what follows, WEBP


def is_webp(start: bytes) -> bool:
    """Whether a file that starts so is a WebP file."""
    return start[:4] == b"RIFF" and start[8:12] == b"WEBP"


def take_apart(file: BinaryIO) -> Contents:
    """The statements of a WebP file, and a WebP of the chunks that its pixels need.

    Source: RFC 9649, section 2.
    """
    found = Gathering()
    pieces: list[Piece] = []
    size, at = file.seek(0, 2), _HEADER
    while at + 8 <= size:
        file.seek(at)
        kind, length = struct.unpack("<4sI", file.read(8))
        end = at + 8 + length + length % 2
        if kind == b"VP8X":
            flags = file.read(1)[:1] or b"\0"
            pieces += [
                range(at, at + 8),
                bytes([flags[0] & ~_STATED]),
                range(at + 9, min(end, size)),
            ]
        elif block := _BLOCKS.get(kind):
            with found.tolerating(NAMES[block]):
                data = file.read(found.take(length))
                if len(data) < length:
                    raise ValueError("cut off")
                found.keep(block, data)
        elif kind in _PIXELS:
            pieces.append(range(at, min(end, size)))
            if end == size + 1:
                pieces.append(b"\0")  # the padding is missing
        at = end
    head = b"RIFF" + struct.pack("<I", 4 + sum(map(len, pieces))) + b"WEBP"
    return Contents(pixels=joined(file, [head, *pieces]), statements=found.statements())
