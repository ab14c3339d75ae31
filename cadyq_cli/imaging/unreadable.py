"""What to say about files in which no picture can be read."""

from __future__ import annotations

import struct
from typing import BinaryIO

from cadyq_cli.downloads import LONGEST_START, stray
from cadyq_cli.imaging.kinds import READABLE

_BROKEN = "is broken, or packs its pixels in an unsupported way"
_FROM_THE_START = "is broken from its first bytes on"
_ANEW = "a program that still opens it can save it anew, as PNG or TIFF"
_AGAIN = "copy or download it again"
_BITMAP_HEADERS = (12, 16, 40, 52, 56, 64, 108, 124)
_SOUND: dict[
    bytes, bytes | tuple[bytes, ...]
] = {  # what follows the first bytes in a file that starts well
    b"\x89PNG": b"\r\n\x1a\n\0\0\0\rIHDR",
    b"\xff\xd8": b"\xff",
    b"GIF8": (b"7a", b"9a"),
}


def why_broken(error: Exception) -> tuple[str, str]:
    """What is wrong by the error of a decoder, and what to do. Its own words help nobody."""
    if isinstance(error, MemoryError):
        return "needs more memory than there is", "close other programs"
    if isinstance(error, ImportError):
        return f"cannot be read, as a package does not load ({error})", "install that again"
    cause = str(error).lower()
    if any(word in cause for word in ("truncated", "not enough", "unexpected end", "eof")):
        return "is broken: image file is truncated", _AGAIN
    return _BROKEN, _ANEW


def why_unknown(file: BinaryIO) -> tuple[str, str]:
    """What a file is in which Pillow finds no image, and what to do."""
    file.seek(0)
    start = file.read(LONGEST_START)
    if not start:
        return "is empty", _AGAIN
    if found := stray(start):
        return f"is {found.what}, not an image", found.hint
    if start[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return "is a TIFF that is broken or has pixels of an unsupported kind", _ANEW
    for first, then in _SOUND.items():
        if start.startswith(first):
            sound = start[len(first) :].startswith(then)
            return (_BROKEN, _ANEW) if sound else (_FROM_THE_START, _AGAIN)
    if start[:2] == b"BM" and len(start) >= 18:
        known = struct.unpack_from("<I", start, 14)[0] in _BITMAP_HEADERS
        return (_BROKEN, _ANEW) if known else (_FROM_THE_START, _AGAIN)
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return _BROKEN, _ANEW
    if start[4:8] == b"ftyp":
        return _of_boxes(start)
    return "is not an image that can be read", f"{READABLE} are"


def _of_boxes(start: bytes) -> tuple[str, str]:
    """The same for the files of ISO/IEC 14496-12, each of which lists its brands at its start."""
    size = int.from_bytes(start[:4], "big")
    brands = {start[8:12], *(start[at : at + 4] for at in range(16, min(size, len(start)), 4))}
    if brands & {b"avif", b"avis"}:
        return "is an AVIF image that is broken or of an unsupported kind", _ANEW
    return "is a video or another file of boxes, not an image", f"{READABLE} can be read"
