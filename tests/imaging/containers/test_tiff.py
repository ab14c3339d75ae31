"""TIFF files by their first directory; cameras' raw files are told apart."""

from __future__ import annotations

import struct
from io import BytesIO
from typing import Any, Literal

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from cadyq_cli.errors import ImageError
from cadyq_cli.imaging.containers.statements import Statements
from cadyq_cli.imaging.containers.tiff import take_apart
from cadyq_cli.imaging.decoding import decode

IPTC = b"\x1c\x02\x05\0\x04four"
XMP = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>" + b" " * 3
BYTE, ASCII, SHORT, LONG, RATIONAL, SIGNED_BYTE, UNDEFINED = 1, 2, 3, 4, 5, 6, 7
Tag = tuple[int, int, int, Any, bool]


def tiff(
    *tags: Tag, pixels: NDArray[Any] | None = None, order: Literal["<", ">"] = "<", **options: Any
) -> bytes:
    target = BytesIO()
    shown = np.arange(96, dtype=np.uint8).reshape(4, 8, 3) if pixels is None else pixels
    tifffile.imwrite(target, shown, extratags=tags, byteorder=order, metadata=None, **options)
    return target.getvalue()


def stated(data: bytes) -> Statements:
    statements = take_apart(BytesIO(data)).statements
    assert statements is not None
    return statements


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
def test_tags_say_what_was_written_into_them(order: Literal["<", ">"], big: bool) -> None:
    resource = b"8BIM\x04\x04\0\0" + struct.pack(">I", len(IPTC)) + IPTC + b"\0"
    found = stated(
        tiff(
            (700, BYTE, len(XMP), XMP, True),
            (34377, BYTE, len(resource), resource, True),
            order=order,
            bigtiff=big,
            resolution=(100, 50),
            resolutionunit="CENTIMETER",
        )
    )
    assert (found.xmp, found.iptc) == (XMP, IPTC)
    assert found.dpi == pytest.approx((254, 127))


@pytest.mark.parametrize("kind", [BYTE, ASCII, SIGNED_BYTE, UNDEFINED, LONG])
@pytest.mark.parametrize("tag", [700, 33723, 34377, 34675, 315])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_a_tag_of_any_type_does_not_cost_the_picture(
    tag: int, kind: int, compression: str | None
) -> None:
    count = len(XMP) // 4 if kind == LONG else len(XMP)
    value = np.frombuffer(XMP, "<u4").tolist() if kind == LONG else XMP
    value = np.frombuffer(XMP, "i1").tolist() if kind == SIGNED_BYTE else value
    data = tiff((tag, kind, count, value, True), compression=compression)
    assert decode(BytesIO(data), "a.tif").pixels.tolist() == np.arange(96).reshape(4, 8, 3).tolist()
    if tag == 700:
        assert stated(data).xmp == XMP


def test_a_tag_that_points_behind_the_end_is_left_out() -> None:
    data = tiff((700, BYTE, len(XMP), XMP, True))
    entry = data.index(struct.pack("<HHI", 700, BYTE, len(XMP)))
    data = data[: entry + 8] + struct.pack("<I", 1 << 30) + data[entry + 12 :]
    picture = decode(BytesIO(data), "a.tif")
    assert picture.pixels.shape == (4, 8, 3)
    assert picture.notes == ("its XMP is damaged or too large and was left out",)


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.int32])
@pytest.mark.parametrize("shape", [(4, 4), (4, 4, 3)])
def test_signed_samples_are_refused_as_such(dtype: type, shape: tuple[int, ...]) -> None:
    bits = np.dtype(dtype).itemsize * 8
    photometric = "rgb" if len(shape) == 3 else "minisblack"
    data = tiff(pixels=np.zeros(shape, dtype), photometric=photometric)
    with pytest.raises(ImageError, match=f"has signed {bits}-bit pixels; save it with"):
        decode(BytesIO(data), "a.tif")


def raw(*, subfile: int, version: bool, sensor: bool) -> bytes:
    """A thumbnail that comes first, and the picture in a directory below it."""
    target = BytesIO()
    with tifffile.TiffWriter(target) as writer:
        tags: list[Tag] = [(50706, BYTE, 4, bytes([1, 4, 0, 0]), True)] if version else []
        small = np.zeros((4, 6, 3), np.uint8)
        writer.write(
            small, photometric="rgb", subfiletype=subfile, subifds=1, extratags=tags, metadata=None
        )
        full = np.zeros((16, 24), np.uint16)
        kind = "cfa" if sensor else "minisblack"
        pattern: list[Tag] = [
            (33421, SHORT, 2, (2, 2), True),
            (33422, BYTE, 4, bytes([0, 1, 1, 2]), True),
        ]
        tags = pattern if sensor else []
        writer.write(full, photometric=kind, subfiletype=0, extratags=tags, metadata=None)
    return target.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        raw(subfile=1, version=True, sensor=True),
        raw(subfile=1, version=False, sensor=True),
        raw(subfile=1, version=False, sensor=False),
        raw(subfile=0, version=False, sensor=True),
        raw(subfile=0, version=True, sensor=False),
        b"II*\0\x10\0\0\0CR\x02\0" + bytes(40),
        b"IIRO\x08\0\0\0" + bytes(40),
        b"IIU\0\x18\0\0\0" + bytes(40),
        b"FUJIFILMCCD-RAW 0201" + bytes(40),
        b"\0\0\0\x18ftypcrx \0\0\0\1crx isom" + bytes(40),
    ],
)
def test_a_raw_file_is_refused_with_what_to_do(data: bytes) -> None:
    with pytest.raises(ImageError, match=r"is a camera's raw file.*; export it as TIFF or PNG"):
        decode(BytesIO(data), "a.tif")


def test_a_picture_with_a_smaller_version_below_it_is_read() -> None:
    assert decode(BytesIO(raw(subfile=0, version=False, sensor=False)), "a.tif").notes == ()


def test_a_thumbnail_before_its_page_is_called_that() -> None:
    target = BytesIO()
    with tifffile.TiffWriter(target) as writer:
        for side, subfile in ((4, 1), (16, 0)):
            writer.write(
                np.zeros((side, side, 3), np.uint8), photometric="rgb", subfiletype=subfile
            )
    with pytest.raises(ImageError, match=r"begins with a thumbnail.* save that page"):
        decode(target, "a.tif")
