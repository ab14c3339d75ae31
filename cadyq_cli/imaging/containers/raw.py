"""The raw files of cameras, whose first picture is a thumbnail, if there is one at all."""

from __future__ import annotations

import struct
from typing import BinaryIO

from cadyq_cli.imaging.containers.tiff_directory import Directory, directory_at

RAW = (
    "is a camera's raw file, which has to be developed first; "
    "export it as TIFF or PNG from a raw converter"
)
THUMBNAIL_FIRST = (
    "begins with a thumbnail, and the full picture is on a later page; "
    "save that page as a file of its own"
)
_SUBFILE, _PHOTOMETRIC, _SUB_DIRECTORIES, _DNG_VERSION = 254, 262, 330, 50706
_SENSOR = (32803, 34892)  # photometric interpretations: a colour filter array, linear raw
_REDUCED = 1
_MOST = 16  # directories that are looked at
_STARTS = (
    b"IIRO",  # Olympus
    b"IIRS",
    b"MMOR",
    b"IIU\0",  # Panasonic
    b"FUJIFILMCCD-RAW",
    b"\0MRM",  # Minolta
    b"FOVb",  # Sigma
    b"II\x1a\0\0\0HEAPCCDR",  # Canon
    b"II*\0\x10\0\0\0CR",
    b"MM\0*\0\0\0\x10CR",
)


def starts_as_raw(start: bytes) -> bool:
    """Whether the first 16 bytes are those of a raw file."""
    return start.startswith(_STARTS) or start[4:12] == b"ftypcrx "


def why_not_the_first(file: BinaryIO, first: Directory) -> str | None:
    """Why the first picture of a TIFF file is not the one to enlarge; None if it is.

    It may be a smaller version of what a camera's sensor saw, or of another page.
    """
    if _DNG_VERSION in first.entries:
        return RAW
    others = _others(file, first)
    if any(set(each.numbers(file, _PHOTOMETRIC)) & set(_SENSOR) for each in (first, *others)):
        return RAW
    if _is_reduced(file, first) and not all(_is_reduced(file, each) for each in others):
        return RAW if _SUB_DIRECTORIES in first.entries else THUMBNAIL_FIRST
    return None


def _is_reduced(file: BinaryIO, directory: Directory) -> bool:
    return bool(int((*directory.numbers(file, _SUBFILE), 0)[0]) & _REDUCED)


def _others(file: BinaryIO, first: Directory) -> list[Directory]:
    """The directories below and behind the first."""
    places = [int(each) for each in first.numbers(file, _SUB_DIRECTORIES)] + [first.next]
    found: dict[int, Directory] = {}
    while places and len(found) < _MOST:
        place = places.pop(0)
        if place == 0 or place in found:
            continue
        try:
            found[place] = directory_at(file, place, first.order, first.big)
        except (struct.error, ValueError):
            continue
        places.append(found[place].next)
    return list(found.values())
