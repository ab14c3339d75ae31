"""What EXIF says of a picture is obeyed however it is said, and then no longer stands there."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image
from PIL.ExifTags import IFD, Base

from cadyq_cli.imaging.containers.statements import Statements
from cadyq_cli.imaging.files import read
from cadyq_cli.imaging.metadata import Metadata

Entry = tuple[int, int, int, bytes]  # tag, type, count, and the value, of up to 4 bytes

SIX = {  # in every numeric type, as `struct` packs it
    1: ("B", (6,)),
    3: ("H", (6,)),
    4: ("I", (6,)),
    5: ("II", (12, 2)),
    6: ("b", (6,)),
    8: ("h", (6,)),
    9: ("i", (6,)),
    10: ("ii", (-6, -1)),
    11: ("f", (6.0,)),
    12: ("d", (6.0,)),
}


def structure(order: str, *entries: Entry, details: tuple[Entry, ...] = ()) -> bytes:
    """An EXIF block with a first directory and, behind it, one of details."""
    if details:
        place = 8 + 2 + 12 * (len(entries) + 1) + 4
        entries = (*entries, (0x8769, 4, 1, struct.pack(order + "I", place)))
    data = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    for each in (entries, details) if details else (entries,):
        data += struct.pack(order + "H", len(each))
        for tag, kind, count, value in each:
            data += struct.pack(order + "HHI", tag, kind, count) + value.ljust(4, b"\0")
        data += bytes(4)
    return data


def short(order: str, tag: int, value: int) -> Entry:
    return tag, 3, 1, struct.pack(order + "H", value)


def loaded(exif: bytes | None) -> Image.Exif:
    found = Image.Exif()
    assert exif is not None
    found.load(exif)
    return found


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", SIX)
def test_an_orientation_of_any_numeric_type_turns_the_picture(
    tmp_path: Path, kind: int, order: str
) -> None:
    code, values = SIX[kind]
    value = struct.pack(order + code, *values)
    outside = len(value) > 4
    place = struct.pack(order + "I", 8 + 2 + 12 + 4) if outside else value
    exif = structure(order, (0x0112, kind, 1, place)) + (value if outside else b"")
    Image.new("RGB", (9, 5)).save(tmp_path / "a.png", exif=exif)
    picture = read(tmp_path / "a.png")
    assert picture.pixels.shape == (9, 5, 3)
    assert 0x0112 not in loaded(picture.metadata.exif)


@pytest.mark.parametrize("value", [0, 9, 65535])
def test_an_orientation_that_does_not_exist_is_none(value: int) -> None:
    exif = structure("<", short("<", 0x0112, value))
    assert Metadata(exif=exif).orientation == 1


@pytest.mark.parametrize(("turn", "stated"), [(3, (72, 300)), (6, (300, 72))])
def test_resolutions_swap_with_the_axes(turn: int, stated: tuple[int, int]) -> None:
    exif = Image.Exif()
    exif[Base.Orientation] = turn
    exif[Base.XResolution], exif[Base.YResolution] = 72, 300
    exif.get_ifd(IFD.Exif)[Base.FocalPlaneXResolution] = 72.0
    exif.get_ifd(IFD.Exif)[Base.FocalPlaneYResolution] = 300.0
    data = exif.tobytes().removeprefix(b"Exif\0\0")
    after = loaded(Metadata(exif=data).upright().exif)
    details = after.get_ifd(IFD.Exif)
    assert (after[Base.XResolution], after[Base.YResolution]) == stated
    focal = (details[Base.FocalPlaneXResolution], details[Base.FocalPlaneYResolution])
    assert focal == stated


def test_the_resolutions_of_a_tiff_swap_with_its_axes(tmp_path: Path) -> None:
    tifffile.imwrite(
        tmp_path / "a.tif",
        np.zeros((5, 9), np.uint8),
        resolution=(72, 300),
        resolutionunit=2,
        extratags=[(274, 3, 1, 6, True)],
    )
    picture = read(tmp_path / "a.tif")
    assert picture.pixels.shape == (9, 5, 3)
    assert picture.metadata.dpi == (300, 72)


def test_sizes_of_any_type_and_directory_are_those_of_the_result() -> None:
    order = ">"
    sizes = ((0xA002, 1, 1, b"\7"), (0xA003, 5, 1, bytes(4)), (0x9214, 3, 2, b"\0\1\0\1"))
    exif = structure(order, (0x0100, 9, 1, bytes(4)), details=sizes)
    after = loaded(Metadata(exif=exif).upright().sized(40, 70_000).exif)
    details = after.get_ifd(IFD.Exif)
    assert after[Base.ImageWidth] == 40
    assert details[Base.ExifImageWidth] == 40
    assert details[Base.ExifImageHeight] == 70_000
    assert Base.SubjectLocation not in details
    assert 0x9214 not in details  # the subject's area, in pixels of what was


def test_a_last_directory_that_ends_with_its_entries_is_read() -> None:
    exif = structure("<", short("<", 0x0112, 8))[:-4]
    metadata, notes = Metadata.of(Statements(exif=exif))
    assert metadata.orientation == 8
    assert not notes
