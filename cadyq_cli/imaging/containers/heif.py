"""HEIC and AVIF taken apart: the items beside the picture, and the properties of that."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import BinaryIO

from cadyq_cli.imaging.containers import items
from cadyq_cli.imaging.containers.boxes import Box, boxes
from cadyq_cli.imaging.containers.contents import Contents
from cadyq_cli.imaging.containers.gathering import NAMES, Block, Gathering
from cadyq_cli.imaging.containers.pieces import Piece, joined
from cadyq_cli.imaging.containers.statements import Cicp
from cadyq_cli.imaging.plugins.heic import HeicPixels
from cadyq_cli.imaging.plugins.plugin import HEIF

_LARGEST = 1 << 24  # bytes of the boxes before the pixels
_MIME = b"application/rdf+xml"
_BITS = {0x00: 8, 0x20: 8, 0x40: 10, 0x60: 12}
_DEEP = 0x60  # the bits of an AV1 configuration that tell
_HIDDEN = b"hide"  # a kind of item that no decoder knows
_AVIF_BRANDS = {b"avif", b"avis"}
_HEIC_BRANDS = {*b"heic heix heim heis hevc hevx hevm hevs mif1 msf1".split()}
_AUXILIARY = {  # how the kinds of pictures beside the picture end -> what to call them
    b":hdrgainmap": "a gain map",
    b":auxid:2": "a depth map",
    b":disparity": "a depth map",
    b":depth": "a depth map",
    b"matte": "a matte",
}


def is_avif(start: bytes) -> bool:
    """Whether a file that starts so is an AVIF file."""
    return not _AVIF_BRANDS.isdisjoint(_brands(start))


def is_heic(start: bytes) -> bool:
    """Whether a file that starts so is a HEIC file, or another one of HEIF's that is no AVIF."""
    return not is_avif(start) and not _HEIC_BRANDS.isdisjoint(_brands(start))


def _brands(start: bytes) -> set[bytes]:
    """What a file says that it is; source: ISO/IEC 14496-12, 4.3."""
    if start[4:8] != b"ftyp":
        return set()
    end = min(int.from_bytes(start[:4], "big"), len(start))
    return {start[8:12], *(start[at : at + 4] for at in range(16, end, 4))}


def take_apart_heic(file: BinaryIO) -> Contents:
    """The same of a HEIC file, whose pixels a plugin reads."""
    found = take_apart(file)
    refusal = None if HEIF.is_installed else f"is a HEIC image; to read it: {HEIF.install}"
    return replace(found, coded=HeicPixels(found.pixels), refusal=refusal)


def take_apart(file: BinaryIO) -> Contents:
    """The statements of an AVIF file, and the same file without its EXIF and XMP.

    Both are read before any pixel is given; broken ones would cost the picture. Where there is no
    EXIF, Pillow makes one of how the picture is to be turned.

    Source: ISO/IEC 23008-12; AV1 Image File Format, AOM 2024.
    """
    found = Gathering()
    size = file.seek(0, 2)
    file.seek(0)
    data = file.read(min(size, _LARGEST))
    meta = next((box for box in boxes(data, 0, len(data)) if box.kind == b"meta"), None)
    pieces: list[Piece] = [range(size)]
    if meta:
        try:
            pieces = _gather(file, data, meta, found, size)
        except (ValueError, IndexError):
            found.note("a part of what it says beside its pixels")
    pixels = joined(file, pieces) if len(pieces) > 1 else file
    pixels.seek(0)
    return Contents(pixels=pixels, statements=found.statements())


def _gather(file: BinaryIO, data: bytes, meta: Box, found: Gathering, size: int) -> list[Piece]:
    pieces: list[Piece] = []
    at = 0
    listed = items.items(data, meta)
    places = items.extents(data, meta)
    for number, item in listed.items():
        if item.kind == b"tmap":
            found.others.append("a gain map")
        block: Block | None = None
        if item.kind == b"Exif":
            block = "exif"
        elif item.kind == b"mime" and item.mime == _MIME:
            block = "xmp"
        if block:
            pieces += [range(at, item.place), _HIDDEN]
            at = item.place + len(_HIDDEN)
            with found.tolerating(NAMES[block]):
                content = _content(file, places.get(number, []), found)
                found.keep(block, content[_before(content) :] if block == "exif" else content)
    properties = items.all_properties(data, meta)
    found.others.extend(_auxiliary(data, properties))
    picture = items.primary(data, meta)
    own = [] if picture is None else items.properties(data, meta, picture)
    for box in own:
        if box.kind == b"colr":
            _gather_colours(data, box, found)
    bits = _bits(data, own) or _bits(data, properties)  # those of tiles
    if bits > 8:
        found.notes.append(f"has {bits} bits a channel, of which 8 are read")
    return [*pieces, range(at, size)]


def _auxiliary(data: bytes, properties: Iterable[Box]) -> Iterator[str]:
    """What lies beside the picture and belongs to it; source: ISO/IEC 23008-12, 6.5.8."""
    for box in properties:
        if box.kind == b"auxC":
            kind = data[box.start + 4 : box.end].split(b"\0")[0]
            yield from (part for end, part in _AUXILIARY.items() if kind.endswith(end))


def _bits(data: bytes, properties: list[Box]) -> int:
    """A channel of what is stored, at most; source: AV1 ISOBMFF binding 1.2, 2.3."""
    flags = [data[box.start + 2] & _DEEP for box in properties if box.kind == b"av1C"]
    return max((_BITS[each] for each in flags), default=0)


def _content(file: BinaryIO, extents: list[range], found: Gathering) -> bytes:
    parts = []
    for extent in extents:
        found.take(len(extent))
        file.seek(extent.start)
        parts.append(file.read(len(extent)))
        if len(parts[-1]) < len(extent):
            raise ValueError("cut off")
    return b"".join(parts)


def _before(content: bytes) -> int:
    """How many bytes precede the EXIF in its item."""
    return 4 + int.from_bytes(content[:4], "big")


def _gather_colours(data: bytes, box: Box, found: Gathering) -> None:
    kind, rest = data[box.start : box.start + 4], data[box.start + 4 : box.end]
    if kind in (b"prof", b"rICC"):
        with found.tolerating(NAMES["icc"]):
            found.take(len(rest))
            found.keep("icc", rest)
    elif kind == b"nclx":
        with found.tolerating("its colour code points"):
            primaries, transfer, matrix, full = struct.unpack(">3HB", rest)
            found.fields["cicp"] = Cicp(primaries, transfer, matrix, bool(full & 0x80))
