"""Photoshop's image resources, in which JPEG, TIFF and PNG files wrap IPTC records."""

from __future__ import annotations

import struct

_IPTC = 0x0404


def iptc_of(resources: bytes) -> bytes | None:
    """The IPTC-IIM records; None where there are none.

    Raises:
        struct.error, ValueError: the resources are broken.

    Source: Adobe Photoshop File Formats Specification, "Image Resource Blocks".
    """
    at = 0
    while resources[at : at + 4] in (b"8BIM", b"MeSa", b"AgHg", b"PHUT", b"DCSR"):
        number, name = struct.unpack_from(">HB", resources, at + 4)
        at += 6 + (name + 2) // 2 * 2  # a length and the name, padded to an even size
        (size,) = struct.unpack_from(">I", resources, at)
        at += 4
        if at + size > len(resources):
            raise ValueError("a resource is cut off")
        if number == _IPTC:
            return resources[at : at + size]
        at += size + size % 2
    return None
