"""JPEG taken apart into segments."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from cadyq_cli.imaging.containers.contents import Contents
from cadyq_cli.imaging.containers.gathering import Gathering
from cadyq_cli.imaging.containers.jpeg_parts import Parts
from cadyq_cli.imaging.containers.jpeg_tail import describe_tail
from cadyq_cli.imaging.containers.pieces import Piece, joined
from cadyq_cli.imaging.containers.resolution import INCH

_START = b"\xff\xd8"
_END, _SCAN, _COMMENT = 0xD9, 0xDA, 0xFE
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_APPLICATIONS = range(0xE0, 0xF0)
_MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd8\xff]")  # of a segment
_BLOCK = 1 << 16  # bytes
_UNITS = {1: 1.0, 2: INCH}


class _Segment(NamedTuple):
    marker: int
    content: bytes  # empty for those that only the pixels need
    place: range  # with its marker


def take_apart(file: BinaryIO) -> Contents:
    """The statements of a JPEG file, and a JPEG with only the segments that its pixels need.

    Source: ITU-T T.81, annex B; ITU-T T.871 (JFIF); Exif 3.0, 4.5; CIPA DC-007 (MPF).
    """
    found, parts = Gathering(), Parts()
    pieces: list[Piece] = [_START]
    size = file.seek(0, 2)
    at, refusal = len(_START), ""
    for segment in _segments(file, size):
        if segment.marker == _SCAN:
            at = segment.place.start
            break
        at = segment.place.stop
        if segment.marker in _APPLICATIONS or segment.marker == _COMMENT:
            if _state(segment, found, parts):
                pieces.append(segment.place)
        else:
            pieces.append(segment.place)
            if segment.marker in _FRAMES:
                refusal = refusal or _refusal(file, segment.place.start)
    parts.gather(found)
    describe_tail(file, at, size, parts, found)
    pixels = file
    if sum(map(len, pieces)) != at:
        pixels = joined(file, [*pieces, range(at, size)])
    file.seek(0)
    return Contents(pixels=pixels, statements=found.statements(), refusal=refusal)


def _refusal(file: BinaryIO, frame: int) -> str:
    """What to say of a picture whose frame header tells of other than 8 bits a channel."""
    file.seek(frame + 4)
    bits = int.from_bytes(file.read(1), "big") or 8  # 0 where the file ends
    return "" if bits == 8 else f"has {bits}-bit channels; save it as PNG or TIFF, with 8 or 16"


def _segments(file: BinaryIO, size: int) -> Iterator[_Segment]:
    """The segments up to the first scan; what stands between them is skipped."""
    at = 2
    while at + 4 <= size:
        file.seek(at)
        start = file.read(4)
        if not _MARKER.match(start):
            at = _next_marker(file, at + 1, size)
            continue
        marker = start[1]
        if marker == _END:
            return
        length = max(2, int.from_bytes(start[2:], "big"))
        place = range(at, min(at + 2 + length, size))
        told = marker in _APPLICATIONS or marker == _COMMENT
        yield _Segment(marker, file.read(length - 2) if told else b"", place)
        at = place.stop


def _next_marker(file: BinaryIO, at: int, size: int) -> int:
    """Where the next segment starts, or where the file ends."""
    while at < size:
        file.seek(at)
        block = file.read(_BLOCK)
        if found := _MARKER.search(block):
            return at + found.start()
        at += max(1, len(block) - 1)
    return size


def _state(segment: _Segment, found: Gathering, parts: Parts) -> bool:
    """Gather what a segment says; whether the pixels need it."""
    marker, content = segment.marker, segment.content
    if marker == 0xE0 and content.startswith(b"JFIF\0"):
        if len(content) < 12:
            found.note("a JFIF segment")
            return False
        unit, across, down = struct.unpack_from(">BHH", content, 7)
        if unit in _UNITS and across and down:
            found.fields["dpi"] = (across * _UNITS[unit], down * _UNITS[unit])
        return len(content) >= 14
    if marker == 0xEE and content.startswith(b"Adobe"):
        return len(content) >= 12
    with found.tolerating("a segment"):
        found.take(len(content))
        parts.add(marker, content)
    return False
