"""The scans of a JPEG file: where they end, and whether they are all there."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from io import BytesIO
from typing import BinaryIO, NamedTuple

from PIL import Image

END = b"\xff\xd9"
_MARKER = re.compile(rb"\xff([^\x00\x01\xd0-\xd8\xff])")  # within a scan, FF 00 is a value
_SEQUENTIAL, _PROGRESSIVE, _SCAN = (0xC0, 0xC1), 0xC2, 0xDA
_COEFFICIENTS = 64  # of a block
_NOISE = random.Random(0).randbytes(4096).replace(b"\xff", b"\xfe")


class _Segment(NamedTuple):
    marker: int
    content: bytes
    stop: int


def end_of_picture(data: bytes) -> int | None:
    """Where a picture ends; None if it has no end marker.

    Args:
        data: A JPEG file, or the rest of one from a marker on.

    Source: ITU-T T.81, annex B.
    """
    return next((each.stop for each in _segments(data) if each.marker == END[1]), None)


def completed(file: BinaryIO) -> BinaryIO | None:
    """The file with an end marker, if that is all it lacks.

    A decoder makes up the blocks that are missing. What it makes up depends on what follows the
    data; so nothing is missing if the pixels are the same, whatever follows.
    """
    file.seek(0)
    data = file.read().rstrip(b"\xff")
    if end_of_picture(data) is not None or not _has_all_scans(data):
        return None
    ended = BytesIO(data + END)
    with Image.open(ended, formats=["JPEG"]) as image:
        pixels = image.tobytes()
    with Image.open(BytesIO(data + _NOISE + END), formats=["JPEG"]) as image:
        return ended if image.tobytes() == pixels else None


def _segments(data: bytes) -> Iterator[_Segment]:
    at = 0
    while found := _MARKER.search(data, at):
        at = found.end()
        if found[0] != END:
            at += int.from_bytes(data[at : at + 2], "big")
        yield _Segment(found[1][0], data[found.end() + 2 : at], at)


def _has_all_scans(data: bytes) -> bool:
    """Whether every coefficient of every channel is told, to its last bit."""
    missing: set[tuple[int, int]] = set()
    progressive = False
    for marker, content, _ in _segments(data):
        if marker in (*_SEQUENTIAL, _PROGRESSIVE):
            progressive = marker == _PROGRESSIVE
            channels = content[6::3]
            missing = {(each, number) for each in channels for number in range(_COEFFICIENTS)}
        elif marker == _SCAN and content:
            channels = content[1 : 1 + 2 * content[0] : 2]
            first, last, bit = content[-3:] if progressive else (0, _COEFFICIENTS - 1, 0)
            if bit & 15 == 0:
                missing -= {
                    (each, number) for each in channels for number in range(first, last + 1)
                }
    return not missing
