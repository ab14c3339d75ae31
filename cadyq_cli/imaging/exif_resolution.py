"""Resolutions put into EXIF, for formats that have no other place for them."""

from __future__ import annotations

import struct

from PIL.ExifTags import Base

from cadyq_cli.imaging.exif import byte_order, directory

PARTS = 1000  # of a pixel per inch, in which resolutions are stated
FINEST = (2**32 - 1) // PARTS  # pixels per inch
_NOTHING = b"II*\0\x08\0\0\0\0\0\0\0\0\0"  # an empty directory
_SHORT, _RATIONAL, _INCH = 3, 5, 2


def with_resolution(exif: bytes | None, dpi: tuple[float, float]) -> bytes:
    """EXIF that states a resolution, across and down, and all that it stated before.

    The first directory moves to the end, where it can grow; what it points to stays.

    Raises:
        struct.error: the EXIF is broken.
    """
    exif = exif or _NOTHING
    order, first = byte_order(exif), directory(exif)
    entries = {tag: exif[place : place + 12] for tag, place in first.places.items()}
    data = exif + bytes(len(exif) % 2)
    for tag, number in zip((Base.XResolution, Base.YResolution), dpi, strict=True):
        entries[tag] = struct.pack(order + "HHII", tag, _RATIONAL, 1, len(data))
        data += struct.pack(order + "II", round(number * PARTS), PARTS)
    unit = Base.ResolutionUnit
    entries[unit] = struct.pack(order + "HHIHH", unit, _SHORT, 1, _INCH, 0)
    behind = exif[first.end : first.end + 4].ljust(4, b"\0") if first.start else bytes(4)
    place = struct.pack(order + "I", len(data))
    directory_at_end = struct.pack(order + "H", len(entries)) + b"".join(
        entry for _, entry in sorted(entries.items())
    )
    return data[:4] + place + data[8:] + directory_at_end + behind
