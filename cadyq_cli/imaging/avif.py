"""What Pillow leaves out of an AVIF file."""

from __future__ import annotations

import struct

from cadyq_cli.imaging.containers.statements import Cicp
from cadyq_cli.imaging.layout import Layout

_CODE_POINTS = b"colrnclx"


def with_code_points(data: bytes, layout: Layout) -> bytes:
    """A file whose box of code points names the picture's own; how it codes colours stays."""
    cicp: Cicp | None = layout.metadata.cicp
    at = data.find(_CODE_POINTS) + len(_CODE_POINTS)
    if cicp is None or at < len(_CODE_POINTS):
        return data
    return data[:at] + struct.pack(">HH", *cicp[:2]) + data[at + 4 :]
