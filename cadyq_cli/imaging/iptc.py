"""IPTC, the captions and keywords of press photographs, and Photoshop's wrapping around it."""

from __future__ import annotations

import struct
from collections.abc import Iterator

_IPTC = 0x0404  # Photoshop's number of the resource that holds it
_JPEG = b"Photoshop 3.0\0"  # what starts its segment
_KEPT = {1, 2}  # records: the envelope, and what is said about the picture
_GONE = {(2, 131), (2, 200), (2, 201), (2, 202)}  # its orientation, and a preview


def unwrapped(data: bytes) -> bytes:
    """The records in Photoshop's resources, or `data` itself where it has no such wrapping.

    Raises:
        ValueError: there are none.
    """
    data = data.removeprefix(_JPEG)
    if not data.startswith(b"8BIM"):
        return data
    at = 0
    while data[at : at + 4] == b"8BIM" and at + 12 <= len(data):
        (number,) = struct.unpack_from(">H", data, at + 4)
        name = data[at + 6] + 1
        start = at + 6 + name + name % 2
        if start + 4 > len(data):
            break
        (size,) = struct.unpack_from(">I", data, start)
        if number == _IPTC:
            return data[start + 4 : start + 4 + size]
        at = start + 4 + size + size % 2
    raise ValueError("no records")


def wrapped(records: bytes) -> bytes:
    """Records as the only resource of Photoshop's, as PNG has them and TIFF may."""
    head = b"8BIM" + struct.pack(">HHI", _IPTC, 0, len(records))
    return head + records + bytes(len(records) % 2)


def segment(records: bytes) -> bytes:
    """Records as the segment APP13 of a JPEG file."""
    data = _JPEG + wrapped(records)
    return b"\xff\xed" + struct.pack(">H", 2 + len(data)) + data


def kept(records: bytes) -> bytes:
    """Records without what tells of the file: its orientation, a preview, and pixel counts.

    Raises:
        ValueError: they are broken.

    Source: IPTC-NAA Information Interchange Model, version 4.2, 2014.
    """
    return b"".join(
        whole
        for record, number, whole in _data_sets(records)
        if record in _KEPT and (record, number) not in _GONE
    )


def _data_sets(records: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Record, number, and all bytes of each; zeros may follow the last."""
    at, stop = 0, len(records.rstrip(b"\0"))
    while at < stop:
        start = at + 5
        if records[at] != 0x1C or start > len(records):
            raise ValueError("no data set where one should start")
        _, record, number, size = struct.unpack_from(">BBBH", records, at)
        if size & 0x8000:  # the size has as many bytes as this says
            start += size & 0x7FFF
            size = int.from_bytes(records[at + 5 : start], "big")
        if start + size > len(records):
            raise ValueError("a data set does not end")
        yield record, number, records[at : start + size]
        at = start + size
