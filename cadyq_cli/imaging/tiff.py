"""TIFF, written in strips: little memory, whatever the size, and 16 bits in every mode."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, BinaryIO

from numpy.typing import NDArray

from cadyq_cli.imaging.exif import ABOUT_THE_PICTURE, byte_order, directory
from cadyq_cli.imaging.exif_resolution import PARTS
from cadyq_cli.imaging.layout import Layout, Put, strips

LIMIT = 2**32 - 2**27  # bytes: offsets have 32 bits, and metadata needs some
_LEVEL = 4  # 6 saves a tenth of the size and takes three times as long
_BYTE, _SHORT, _LONG, _RATIONAL, _UNDEFINED = 1, 3, 4, 5, 7
_PACKED = {_BYTE: "B", _SHORT: "H", _LONG: "I", _RATIONAL: "I", _UNDEFINED: "B"}


@contextmanager
def encode(file: BinaryIO, layout: Layout) -> Iterator[Put]:
    """Write a TIFF file from rows that come from the top; the file must be seekable.

    EXIF is a TIFF structure already. The file starts with it as it is, so that everything in it
    stays where its offsets say; the directory at the end takes over its entries.

    Raises:
        OSError: the image may need more than 4 GB.

    Source: TIFF Revision 6.0, Adobe 1992; its Technical Note 2 (2002) for Deflate.
    """
    if layout.width * layout.height * layout.channels * layout.bits // 8 > LIMIT:
        raise OSError("TIFF cannot hold more than 4 GB; PNG can")
    if layout.bits == 16 and layout.channels == 2:
        with encode(file, replace(layout, channels=4)) as put:  # Pillow reads no such gray
            yield lambda rows: put(rows[..., [0, 0, 0, 1]])
        return
    start = layout.metadata.exif or b"II*\0\0\0\0\0"
    order = byte_order(start)
    file.write(start)
    places: list[int] = []
    sizes: list[int] = []

    def emit(strip: NDArray[Any]) -> None:
        differences = strip.copy()
        differences[:, 1:] -= strip[:, :-1]
        swapped = differences.astype(strip.dtype.newbyteorder(order))
        data = zlib.compress(swapped.tobytes(), _LEVEL)
        places.append(_append(file, data))
        sizes.append(len(data))

    with strips(layout, emit) as put:
        yield put

    fields = _fields(layout)
    fields[273] = _LONG, places
    fields[279] = _LONG, sizes
    entries = _entries(start)
    for tag, (kind, values) in fields.items():
        count = len(values) // 2 if kind == _RATIONAL else len(values)
        data = struct.pack(f"{order}{len(values)}{_PACKED[kind]}", *values)
        if len(data) > 4:
            data = struct.pack(order + "I", _append(file, data))
        entries[tag] = struct.pack(order + "HHI", tag, kind, count) + data.ljust(4, b"\0")
    place = _append(file, struct.pack(order + "H", len(entries)))
    file.write(b"".join(entry for _, entry in sorted(entries.items())) + b"\0\0\0\0")
    file.seek(4)
    file.write(struct.pack(order + "I", place))


def _append(file: BinaryIO, data: bytes) -> int:
    """Write at an even place, as TIFF wants, and tell which."""
    file.write(b"\0" * (file.tell() % 2))
    place = file.tell()
    file.write(data)
    return place


def _entries(exif: bytes) -> dict[int, bytes]:
    """The entries of 12 bytes in the first directory, by tag, that tell of no file's pixels."""
    places = directory(exif).places
    kept = places.keys() & ABOUT_THE_PICTURE
    return {tag: exif[places[tag] : places[tag] + 12] for tag in kept}


def _fields(layout: Layout) -> dict[int, tuple[int, list[int]]]:
    """Type and values of every tag but those that say where the strips are."""
    metadata = layout.metadata
    fields = {
        256: (_LONG, [layout.width]),
        257: (_LONG, [layout.height]),
        258: (_SHORT, [layout.bits] * layout.channels),
        259: (_SHORT, [8]),  # Deflate
        262: (_SHORT, [2 if layout.channels > 2 else 1]),  # RGB; gray, black is 0
        277: (_SHORT, [layout.channels]),
        278: (_LONG, [layout.strip]),
        284: (_SHORT, [1]),  # channels interleaved
        317: (_SHORT, [2]),  # each pixel as the difference to the one on its left
    }
    if layout.channels in (2, 4):
        fields[338] = _SHORT, [2]  # alpha is not multiplied into the colours
    if metadata.dpi:
        across, down = (round(dpi * PARTS) for dpi in metadata.dpi)
        fields[282] = _RATIONAL, [across, PARTS]
        fields[283] = _RATIONAL, [down, PARTS]
        fields[296] = _SHORT, [2]  # per inch
    if metadata.xmp:
        fields[700] = _BYTE, list(metadata.xmp)
    if metadata.iptc:
        fields[33723] = _UNDEFINED, list(metadata.iptc)
    if metadata.icc:
        fields[34675] = _UNDEFINED, list(metadata.icc)
    return fields
