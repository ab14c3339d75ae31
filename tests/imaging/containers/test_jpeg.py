"""JPEG files by their segments: what they say, what is wrong with them, what follows them."""

from __future__ import annotations

import struct
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from cadyq_cli.errors import ImageError
from cadyq_cli.imaging.containers.contents import SEVERAL
from cadyq_cli.imaging.containers.jpeg import take_apart
from cadyq_cli.imaging.containers.statements import Statements
from cadyq_cli.imaging.decoding import decode

PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
EXIF = b"II*\0\x08\0\0\0\0\0\0\0\0\0"
XMP = b"http://ns.adobe.com/xap/1.0/\0"
IPTC = b"\x1c\x02\x05\0\3one"
LEFT_OUT = "is damaged or too large and was left out"


def jpeg(**options: Any) -> bytes:
    target = BytesIO()
    Image.radial_gradient("L").resize((40, 24)).convert("RGB").save(target, "JPEG", **options)
    return target.getvalue()


def segment(marker: int, content: bytes, length: int | None = None) -> bytes:
    return b"\xff" + struct.pack(">BH", marker, length or len(content) + 2) + content


def with_segments(*segments: bytes, data: bytes = b"") -> bytes:
    data = data or jpeg()
    return data[:2] + b"".join(segments) + data[2:]


def stated(data: bytes) -> Statements:
    statements = take_apart(BytesIO(data)).statements
    assert statements is not None
    return statements


def test_segments_say_what_was_written_into_them() -> None:
    resource = b"8BIM\x04\x04\0\0" + struct.pack(">I", len(IPTC)) + IPTC
    half = len(PROFILE) // 2
    found = stated(
        with_segments(
            segment(0xE1, b"Exif\0\0" + EXIF),
            segment(0xE1, XMP + b"<x/>"),
            segment(0xE2, b"ICC_PROFILE\0\2\2" + PROFILE[half:]),
            segment(0xE2, b"ICC_PROFILE\0\1\2" + PROFILE[:half]),
            segment(0xED, b"Photoshop 3.0\0" + resource),
            segment(0xFE, b"caf\xe9"),
            data=jpeg(dpi=(300, 150)),
        )
    )
    assert (found.exif, found.xmp, found.icc, found.iptc) == (EXIF, b"<x/>", PROFILE, IPTC)
    assert found.comment == b"caf\xe9"
    assert found.dpi == (300, 150)
    assert found.notes == found.others == ()


@pytest.mark.parametrize(
    ("bad", "notes"),
    [
        (segment(0xE2, b"ICC_PROFILE\0\1\2" + PROFILE), (f"its colour profile {LEFT_OUT}",)),
        (segment(0xE2, b"ICC_PROFILE\0"), (f"its colour profile {LEFT_OUT}",)),
        (segment(0xE1, b"Exif\0\0"), ()),
        (segment(0xE1, b"Exif\0\0rubbish!"), (f"its EXIF {LEFT_OUT}",)),
        (segment(0xE1, b"Exif\0\0" + EXIF, length=1), ()),
        (segment(0xED, b"Photoshop 3.0\x008BIM\x04\x04"), (f"its IPTC {LEFT_OUT}",)),
        (segment(0xE0, b"JFIF\0\1"), (f"a JFIF segment {LEFT_OUT}",)),
        (segment(0xEE, b"Adobe"), ()),
        (segment(0xE2, b"MPF\0II*\0\xff\xff\xff\xff"), ()),
        (b"rubbish between\xff\xff", ()),
    ],
)
def test_a_bad_segment_is_left_out_and_the_picture_is_read(
    bad: bytes, notes: tuple[str, ...]
) -> None:
    right = decode(BytesIO(jpeg()), "a.jpg")
    picture = decode(BytesIO(with_segments(bad)), "a.jpg")
    np.testing.assert_array_equal(picture.pixels, right.pixels)
    assert picture.notes == notes


@pytest.mark.parametrize("cut", [1, 2])
@pytest.mark.parametrize(
    "options", [{}, {"progressive": True}, {"subsampling": 0}, {"restart_marker_blocks": 2}]
)
def test_only_an_end_marker_may_be_missing(options: dict[str, Any], cut: int) -> None:
    whole = jpeg(quality=95, **options)
    picture = decode(BytesIO(whole[:-cut]), "a.jpg")
    np.testing.assert_array_equal(picture.pixels, decode(BytesIO(whole), "a.jpg").pixels)
    assert picture.notes == ("lacks its end marker, but no pixel is missing",)
    for more in (20, 100, 300):
        with pytest.raises(ImageError, match="image file is truncated"):
            decode(BytesIO(whole[: -cut - more]), "a.jpg")


def test_a_progressive_file_that_ends_between_two_scans_is_truncated() -> None:
    whole = jpeg(progressive=True)
    last = whole.rindex(b"\xff\xda")
    before = whole.rindex(b"\xff\xc4", 0, last)
    with pytest.raises(ImageError, match="image file is truncated"):
        decode(BytesIO(whole[:before]), "a.jpg")


VIDEO = b"\0\0\0\x18ftypmp42" + bytes(100)
GAIN_MAP = with_segments(segment(0xE1, XMP + b"http://ns.adobe.com/hdr-gain-map/1.0/"))


@pytest.mark.parametrize(
    ("data", "others", "notes"),
    [
        (jpeg() + VIDEO, ("a video",), ()),
        (jpeg() + bytes(3), (), ()),
        (jpeg() + b"a trailer of a kind that nobody knows", (), ()),
        (with_segments(segment(0xE1, XMP + b"hdrgm:Version")) + GAIN_MAP, ("a gain map",), ()),
        (with_segments(segment(0xE2, b"MPF\0")) + jpeg(), (), (SEVERAL,)),
        (
            with_segments(segment(0xE1, XMP + b"GainMap MotionPhoto")) + GAIN_MAP + VIDEO,
            ("a gain map", "a video"),
            (),
        ),
        (
            with_segments(segment(0xE1, b"http://ns.adobe.com/xmp/extension/\0" + bytes(60))),
            ("extended XMP",),
            (),
        ),
    ],
)
def test_what_else_a_file_holds_is_stated(
    data: bytes, others: tuple[str, ...], notes: tuple[str, ...]
) -> None:
    found = stated(data)
    assert found.others == others
    assert found.notes == notes


def test_twelve_bits_a_channel_are_refused_as_such() -> None:
    data = bytearray(jpeg())
    data[data.index(b"\xff\xc0") + 4] = 12
    with pytest.raises(ImageError, match="has 12-bit channels; save it as PNG or TIFF"):
        decode(BytesIO(bytes(data)), "a.jpg")
