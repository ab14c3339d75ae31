"""What the segments of a JPEG file say, put together where it is spread over several."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from cadyq_cli.imaging.containers.gathering import NAMES, Gathering
from cadyq_cli.imaging.containers.photoshop import iptc_of

_EXIF, _EXIF_TOO = b"Exif\0\0", b"Exif\0\xff"
_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_EXTENDED_XMP = b"http://ns.adobe.com/xmp/extension/\0"
_ICC = b"ICC_PROFILE\0"
_MPF = b"MPF\0"
_GAIN_MAP = b"urn:iso:std:iso:ts:21496:-1\0"
_PHOTOSHOP = b"Photoshop 3.0\0"
_PREVIEWS = range(0x010001, 0x010006)  # types of MPF's pictures: smaller ones of the first


class Parts:
    """The parts so far, in their order."""

    def __init__(self) -> None:
        self.exif: list[bytes] = []
        self.xmp: list[bytes] = []
        self.icc: list[bytes] = []
        self.photoshop: list[bytes] = []
        self.comments: list[bytes] = []
        self.mpf: bytes | None = None
        self.extended_xmp = False
        self.gain_map = False  # by the statement of a segment

    def add(self, marker: int, content: bytes) -> None:
        """Take up the content of a segment; others than those that say something are skipped."""
        if marker == 0xFE:
            self.comments.append(content.rstrip(b"\0"))
        elif marker == 0xE1 and content.startswith((_EXIF, _EXIF_TOO)):
            self.exif.append(content[6:])
        elif marker == 0xE1 and content.startswith(_XMP):
            self.xmp.append(content[len(_XMP) :])
        elif marker == 0xE1 and content.startswith(_EXTENDED_XMP):
            self.extended_xmp = True
        elif marker == 0xE2 and content.startswith(_ICC):
            self.icc.append(content[len(_ICC) :])
        elif marker == 0xE2 and content.startswith(_MPF):
            self.mpf = content[len(_MPF) :]
        elif marker == 0xE2 and content.startswith(_GAIN_MAP):
            self.gain_map = True
        elif marker == 0xED and content.startswith(_PHOTOSHOP):
            self.photoshop.append(content[len(_PHOTOSHOP) :])

    def gather(self, found: Gathering) -> None:
        """State what the parts are together."""
        if self.exif:
            found.keep("exif", b"".join(_first_structure(self.exif)))
        if self.xmp:
            found.keep("xmp", self.xmp[0])
        if self.comments:
            found.keep("comment", b"\n".join(self.comments))
        if self.extended_xmp:
            found.others.append("extended XMP")
        with found.tolerating(NAMES["icc"]):
            if self.icc:
                found.keep("icc", _profile(self.icc))
        with found.tolerating(NAMES["iptc"]):
            if records := iptc_of(b"".join(self.photoshop)):
                found.keep("iptc", records)

    @property
    def only_previews(self) -> bool:
        """Whether MPF calls all that follows the first picture smaller versions of it."""
        types = list(_types(self.mpf or b""))
        return bool(types) and all(each in _PREVIEWS for each in types)


def _first_structure(parts: list[bytes]) -> Iterator[bytes]:
    """Without the parts from where another EXIF starts."""
    yield parts[0]
    for part in parts[1:]:
        if part[:4] in (b"II*\0", b"MM\0*"):
            return
        yield part


def _profile(parts: list[bytes]) -> bytes:
    """The whole of a colour profile; each part starts with its number and how many there are."""
    numbered = {part[0]: part[2:] for part in parts}
    count = parts[0][1]
    if any(part[1] != count for part in parts) or sorted(numbered) != list(range(1, count + 1)):
        raise ValueError("a part is missing")
    return b"".join(numbered[number] for number in range(1, count + 1))


def _types(mpf: bytes) -> Iterator[int]:
    """The types of the pictures behind the first; none if the index is broken.

    Source: CIPA DC-007-2009, 5.2.3.
    """
    order = "<" if mpf[:1] == b"I" else ">"
    try:
        (start,) = struct.unpack_from(order + "I", mpf, 4)
        (count,) = struct.unpack_from(order + "H", mpf, start)
        for entry in range(start + 2, start + 2 + 12 * count, 12):
            tag, _, size, place = struct.unpack_from(order + "HHII", mpf, entry)
            if tag == 0xB002:
                for at in range(place + 16, place + size, 16):
                    yield struct.unpack_from(order + "I", mpf, at)[0] & 0xFFFFFF
    except struct.error:
        return
