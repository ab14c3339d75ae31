"""What follows the picture in a JPEG file: gain maps, videos, further pictures."""

from __future__ import annotations

import re
from typing import BinaryIO

from cadyq_cli.imaging.containers.contents import SEVERAL
from cadyq_cli.imaging.containers.gathering import LARGEST, Gathering
from cadyq_cli.imaging.containers.jpeg_parts import Parts
from cadyq_cli.imaging.containers.jpeg_scans import END, end_of_picture

_HINT = re.compile(rb"hdrgm|GainMap|MotionPhoto|MicroVideo")
_GAIN_MAP = re.compile(rb"hdr-gain-map|HDRGainMap|hdrgainmap|urn:iso:std:iso:ts:21496")
_VIDEO = re.compile(rb"\0\0\0.ftyp|MotionPhoto_Data", re.DOTALL)
_HEAD = 1 << 16  # bytes of a following picture in which it says what it is for


def describe_tail(file: BinaryIO, scan: int, size: int, parts: Parts, found: Gathering) -> None:
    """State what the file holds behind the picture whose first scan starts at `scan`."""
    xmp = found.fields.get("xmp", b"")
    file.seek(max(scan, size - 2))
    if file.read(2) == END and not (parts.mpf is not None or parts.gain_map or _HINT.search(xmp)):
        return
    file.seek(scan)
    data = file.read(LARGEST)
    end = end_of_picture(data)
    if end is None:
        return
    tail = data[end:]
    second = tail.lstrip(b"\0")[:_HEAD]
    if second.startswith(b"\xff\xd8\xff"):
        if _GAIN_MAP.search(second) or b"GainMap" in xmp:
            found.others.append("a gain map")
        elif not parts.only_previews:
            found.notes.append(SEVERAL)
    if _VIDEO.search(tail):
        found.others.append("a video")
