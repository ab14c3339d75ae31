"""PNG taken apart into chunks."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from cadyq_cli.imaging.containers.contents import SEVERAL, Contents
from cadyq_cli.imaging.containers.gathering import NAMES, Gathering
from cadyq_cli.imaging.containers.inflating import inflated
from cadyq_cli.imaging.containers.pieces import Piece, joined
from cadyq_cli.imaging.containers.png_text import read_text
from cadyq_cli.imaging.containers.statements import Cicp

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_END = struct.pack(">I", 0) + b"IEND" + struct.pack(">I", zlib.crc32(b"IEND"))
_TEXTS = (b"tEXt", b"zTXt", b"iTXt")
_GRAY, _RGB, _PALETTE = 0, 2, 3  # colour types
_TRANSPARENCY = {_GRAY: range(2, 3), _RGB: range(6, 7), _PALETTE: range(1, 257)}  # in bytes
_ANCILLARY = 0x20  # a bit of the first letter of a chunk's kind
_NEEDED = re.compile(rb"(?s)....(?:IDAT|PLTE|tRNS)")
_BLOCK = 1 << 16  # bytes
_METRES, _INCH = 1, 0.0254
_SCALE = 100_000  # of gAMA and cHRM


class _Chunk(NamedTuple):
    kind: bytes
    start: int  # of its content
    size: int
    end: int  # with the checksum, or where the file ends

    @property
    def whole(self) -> range:
        return range(self.start - 8, self.end)

    @property
    def is_cut(self) -> bool:
        return self.end < self.start + self.size + 4


def take_apart(file: BinaryIO) -> Contents:
    """The statements of a PNG file, and a PNG of its critical chunks and its transparency.

    Source: Portable Network Graphics Specification, third edition, W3C 2025.
    """
    found, kept, colour_type = Gathering(), list[_Chunk](), -1
    chunks = list(_chunks(file))
    for chunk in chunks:
        if chunk.kind == b"IHDR":
            file.seek(chunk.start)
            colour_type = (file.read(min(chunk.size, 13))[9:10] or b"\xff")[0]
            kept.append(chunk)
        elif chunk.kind == b"IDAT" or (chunk.kind == b"PLTE" and colour_type == _PALETTE):
            kept.append(chunk)
        elif chunk.kind == b"tRNS":
            with found.tolerating("its transparency"):
                if chunk.size not in _TRANSPARENCY.get(colour_type, ()):
                    raise ValueError("not of this kind of pixels")
                _content(file, chunk)
                kept.append(chunk)
        elif chunk.kind != b"IEND":
            _state(file, chunk, found)
    pixels = file
    if len(kept) < len(chunks) - 1 or not chunks or chunks[-1].kind != b"IEND":
        pieces: list[Piece] = [SIGNATURE, *(chunk.whole for chunk in kept)]
        cut = bool(kept) and kept[-1].is_cut
        pixels = joined(file, pieces if cut else [*pieces, _END])
    return Contents(pixels=pixels, statements=found.statements())


def _chunks(file: BinaryIO) -> Iterator[_Chunk]:
    """All chunks up to the end, the content of none of them read."""
    at, size, kind = len(SIGNATURE), file.seek(0, 2), b""
    while at + 8 <= size and kind != b"IEND":
        file.seek(at)
        length, kind = struct.unpack(">I4s", file.read(8))
        end = at + 12 + length
        if kind[0] & _ANCILLARY and not _is_at_chunk(file, end, size):
            end = _next_needed(file, at + 8, size)
            length = max(length, end - at - 8)  # wrong, whatever it is
        yield _Chunk(kind, at + 8, length, min(end, size))
        at = end


def _is_at_chunk(file: BinaryIO, place: int, size: int) -> bool:
    file.seek(place + 4)
    return place == size or file.read(4).isalpha()


def _next_needed(file: BinaryIO, at: int, size: int) -> int:
    """Where the next chunk starts that the pixels need, behind one of a wrong length."""
    while at < size:
        file.seek(at)
        block = file.read(_BLOCK)
        if found := _NEEDED.search(block):
            return at + found.start()
        at += max(1, len(block) - 7)
    return size


def _content(file: BinaryIO, chunk: _Chunk) -> bytes:
    if chunk.is_cut:
        raise ValueError("cut off")
    file.seek(chunk.start)
    content, checksum = file.read(chunk.size), file.read(4)
    if zlib.crc32(content, zlib.crc32(chunk.kind)) != int.from_bytes(checksum, "big"):
        raise ValueError("wrong checksum")
    return content


def _state(file: BinaryIO, chunk: _Chunk, found: Gathering) -> None:
    """Gather what an ancillary chunk says."""
    what = _NAMES.get(chunk.kind)
    if what is None:
        return
    with found.tolerating(what):
        found.take(chunk.size)
        content = _content(file, chunk)
        if chunk.kind in _TEXTS:
            read_text(chunk.kind, content, found)
        elif chunk.kind == b"iCCP":
            profile = content[content.index(b"\0") + 2 :]
            found.keep("icc", inflated(profile, found.left))
            found.take(len(found.fields["icc"]))
        elif chunk.kind == b"eXIf":
            found.fields["exif"] = content  # before one in a text
        elif chunk.kind == b"acTL":
            if struct.unpack_from(">I", content)[0] > 1:
                found.notes.append(SEVERAL)
        else:
            found.fields.update(_numbers(chunk.kind, content))


def _numbers(kind: bytes, content: bytes) -> dict[str, object]:
    if kind == b"pHYs":
        across, down, unit = struct.unpack(">IIB", content)
        stated = unit == _METRES and across and down
        return {"dpi": (across * _INCH, down * _INCH)} if stated else {}
    if kind == b"gAMA":
        (gamma,) = struct.unpack(">I", content)
        return {"gamma": gamma / _SCALE}
    if kind == b"cHRM":
        return {"chromaticities": tuple(each / _SCALE for each in struct.unpack(">8I", content))}
    if kind == b"sRGB":
        (intent,) = struct.unpack(">B", content)
        return {"srgb": intent}
    primaries, transfer, matrix, full = struct.unpack(">4B", content)
    return {"cicp": Cicp(primaries, transfer, matrix, bool(full))}


_NAMES = {
    **dict.fromkeys(_TEXTS, "a text"),
    b"iCCP": NAMES["icc"],
    b"eXIf": NAMES["exif"],
    b"acTL": "its animation",
    b"pHYs": "its resolution",
    b"gAMA": "its gamma",
    b"cHRM": "its chromaticities",
    b"sRGB": "its rendering intent",
    b"cICP": "its colour code points",
}
