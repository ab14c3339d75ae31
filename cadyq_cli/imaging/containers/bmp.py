"""BMP taken apart, and its packed pixels read, of which Pillow knows only some."""

from __future__ import annotations

import struct
from typing import BinaryIO

from cadyq_cli.imaging.containers.contents import Contents
from cadyq_cli.imaging.containers.gathering import NAMES, Gathering
from cadyq_cli.imaging.containers.packed import Packed
from cadyq_cli.imaging.containers.pieces import joined

SIGNATURE = b"BM"
_FILE_HEADER, _OS_2, _OS_22 = 14, 12, 64  # bytes
_PLAIN, _BIT_FIELDS, _ALPHA_BIT_FIELDS = 0, 3, 6  # compressions
_USUAL_MASKS = {16: (0x7C00, 0x3E0, 0x1F, 0), 32: (0xFF0000, 0xFF00, 0xFF, 0)}
_SHORT_OS_22, _USUAL = 16, 40  # bytes of a header without compression, and of what Windows writes
_RARE, _WHOLE_BYTES = 2, 24  # bits of a pixel
_METRE = 39.3701  # inches
_V5, _PROFILE_INSIDE = 124, b"DEBM"  # "MBED", little-endian


def take_apart(file: BinaryIO) -> Contents:
    """The statements of a BMP file; its pixels apart from Pillow if 16 or 32 bits hold each.

    Source: [MS-WMF] 2.2.2; "BITMAPV5HEADER", Windows GDI documentation.
    """
    file = _with_usual_header(file)
    file.seek(0)
    head = file.read(_FILE_HEADER + _V5)
    file.seek(0)
    found = Gathering()
    try:
        packed = _packed(file, head)
        _gather(file, head, found)
    except struct.error:
        return Contents(pixels=file)
    file.seek(0)
    return Contents(
        pixels=file, statements=found.statements(), coded=packed, refusal=_refusal(head)
    )


def _with_usual_header(file: BinaryIO) -> BinaryIO:
    """The file whose header of 16 bytes is one of 40, all zeros behind what it said."""
    file.seek(0)
    head = file.read(_FILE_HEADER + _SHORT_OS_22)
    if len(head) < _FILE_HEADER + _SHORT_OS_22 or head[14:18] != struct.pack("<I", _SHORT_OS_22):
        return file
    more = _USUAL - _SHORT_OS_22
    place = struct.unpack_from("<I", head, 10)[0] + more
    header = struct.pack("<II", place, _USUAL) + head[18:].ljust(_USUAL - 4, b"\0")
    return joined(file, [range(10), header, range(len(head), file.seek(0, 2))])


def _refusal(head: bytes) -> str | None:
    """Why nothing reads such pixels, though the header may be sound."""
    (size,) = struct.unpack_from("<I", head, _FILE_HEADER)
    if size == _OS_2:
        bits, compression = struct.unpack_from("<H", head, 24)[0], _PLAIN
    else:
        bits, compression = struct.unpack_from("<HI", head, 28)
    if bits == _RARE:
        return "is a BMP of 2 bits a pixel, which cannot be read; save it as PNG"
    if bits == _WHOLE_BYTES and compression in (_BIT_FIELDS, _ALPHA_BIT_FIELDS) and size != _OS_22:
        return "is a BMP of 24 bits with masks, which cannot be read; save it as PNG"
    return None


def _packed(file: BinaryIO, head: bytes) -> Packed | None:
    place, size = struct.unpack_from("<II", head, 10)
    if size == _OS_2:
        width, height, _, bits = struct.unpack_from("<4H", head, 18)
        compression = _PLAIN
    else:
        width, height, _, bits, compression = struct.unpack_from("<iiHHI", head, 18)
    if bits not in _USUAL_MASKS or width <= 0 or height == 0:
        return None
    masks, end = _USUAL_MASKS[bits], _FILE_HEADER + size
    if compression in (_BIT_FIELDS, _ALPHA_BIT_FIELDS) and size != _OS_22:
        stated = struct.unpack_from("<3I", head, 54)
        has_alpha = size >= 56 or compression == _ALPHA_BIT_FIELDS
        alpha = struct.unpack_from("<I", head, 66)[0] if has_alpha else 0
        end = max(end, 70 if has_alpha else 66)
        masks = (*stated, alpha) if any(stated) else masks
    elif compression != _PLAIN:
        return None
    return Packed(file, place or end, width, height, bits, masks)


def _gather(file: BinaryIO, head: bytes, found: Gathering) -> None:
    (size,) = struct.unpack_from("<I", head, _FILE_HEADER)
    if size == _OS_2:
        return
    across, down = struct.unpack_from("<II", head, 38)
    if across and down:
        found.fields["dpi"] = across / _METRE, down / _METRE
    if size >= _V5 and head[70:74] == _PROFILE_INSIDE:
        start, length = struct.unpack_from("<II", head, 126)
        with found.tolerating(NAMES["icc"]):
            file.seek(_FILE_HEADER + start)
            found.keep("icc", file.read(found.take(length)))
