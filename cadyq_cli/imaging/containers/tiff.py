"""TIFF taken apart: its first directory says everything."""

from __future__ import annotations

import struct
from typing import BinaryIO

from cadyq_cli.imaging.containers.contents import SEVERAL, Contents
from cadyq_cli.imaging.containers.gathering import NAMES, Gathering
from cadyq_cli.imaging.containers.photoshop import iptc_of
from cadyq_cli.imaging.containers.pieces import joined
from cadyq_cli.imaging.containers.raw import why_not_the_first
from cadyq_cli.imaging.containers.resolution import ACROSS, DOWN, UNIT, in_inches
from cadyq_cli.imaging.containers.statements import Statements
from cadyq_cli.imaging.containers.tiff_directory import Directory, first_directory
from cadyq_cli.imaging.exif import ABOUT_THE_PICTURE, extracted

SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_XMP, _IPTC, _PHOTOSHOP, _ICC = 700, 33723, 34377, 34675
_WHITE, _PRIMARIES = 318, 319
_BITS, _SAMPLE_FORMAT = 258, 339
_SIGNED, _FLOATS = 2, 3
_FOR_THE_PIXELS = {
    *(254, 255, 256, 257, 258, 259, 262, 266, 273, 277, 278, 279, 284, 292, 293, 317, 320, 322),
    *(323, 324, 325, 332, 334, 336, 338, 339, 340, 341, 347, 512, 513, 514, 515, 517, 518, 519),
    *(520, 521, 529, 530, 531, 532),
}


def take_apart(file: BinaryIO) -> Contents:
    """The statements of a TIFF file, and the same file with only the tags of its pixels."""
    try:
        directory = first_directory(file)
    except (struct.error, ValueError):
        file.seek(0)
        return Contents(pixels=file, statements=Statements())
    refusal = why_not_the_first(file, directory) or _refusal(file, directory)
    found = Gathering()
    _gather(file, directory, found)
    if directory.next:
        found.notes.append(SEVERAL)
    pixels = _with_few_tags(file, directory)
    pixels.seek(0)
    return Contents(pixels=pixels, statements=found.statements(), refusal=refusal)


def _refusal(file: BinaryIO, directory: Directory) -> str | None:
    formats = directory.numbers(file, _SAMPLE_FORMAT)
    bits = directory.numbers(file, _BITS) or (1,)
    if _SIGNED in formats:
        return f"has signed {bits[0]}-bit pixels; save it with 8 or 16 unsigned bits a channel"
    if _FLOATS in formats:
        return "has floating-point pixels; save it with 8 or 16 bits a channel"
    if max(formats, default=1) > 4:
        return "has complex numbers as pixels; save it with 8 or 16 bits a channel"
    return None


def _gather(file: BinaryIO, directory: Directory, found: Gathering) -> None:
    for tag, block in ((_XMP, "xmp"), (_ICC, "icc"), (_IPTC, "iptc"), (_PHOTOSHOP, "iptc")):
        if tag not in directory.entries:
            continue
        with found.tolerating(NAMES[block]):
            found.take(directory.entries[tag].size)
            data = directory.bytes_of(file, tag)
            if tag == _XMP:
                data = data.rstrip(b"\0")  # that of a text
            kept = iptc_of(data) if tag == _PHOTOSHOP else data
            if kept:
                found.fields.setdefault(block, kept)
    if told := ABOUT_THE_PICTURE.intersection(directory.entries):
        exif = extracted(file, ABOUT_THE_PICTURE)
        if exif is not None:
            found.fields["exif"] = exif
        elif told - {ACROSS, DOWN, UNIT}:
            found.note(NAMES["exif"])
    sizes = {tag: number for tag in (ACROSS, DOWN) for number in directory.numbers(file, tag)[:1]}
    unit = (*directory.numbers(file, UNIT), 2)[0]
    if dpi := in_inches(sizes, unit):
        found.fields["dpi"] = dpi
    chromaticities = (*directory.numbers(file, _WHITE), *directory.numbers(file, _PRIMARIES))
    if len(chromaticities) == 8:
        found.fields["chromaticities"] = chromaticities


def _with_few_tags(file: BinaryIO, directory: Directory) -> BinaryIO:
    """The file whose directory has the entries of the pixels alone; nothing else moves."""
    kept = [data for tag, data in sorted(directory.stored.items()) if tag in _FOR_THE_PIXELS]
    if len(kept) == len(directory.stored):
        return file
    count = struct.pack(directory.order + ("Q" if directory.big else "H"), len(kept))
    entries = count + b"".join(kept)
    size = file.seek(0, 2)
    start, end = directory.start, min(directory.end, size)
    return joined(
        file, [range(start), entries.ljust(directory.end - start, b"\0"), range(end, size)]
    )
