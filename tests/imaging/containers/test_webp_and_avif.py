"""WebP and AVIF files taken apart say what Pillow wrote, and lose no picture over it."""

from __future__ import annotations

import struct
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps

from cadyq_cli.imaging.containers.statements import Cicp, Statements
from cadyq_cli.imaging.containers.taking_apart import take_apart
from cadyq_cli.imaging.decoding import decode

PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
XMP = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>"
EXIF = b"II*\0\x08\0\0\0\1\0\x28\1\3\0\1\0\0\0\2\0\0\0\0\0\0\0"
LEFT_OUT = "is damaged or too large and was left out"


def saved(kind: str, **options: Any) -> bytes:
    target = BytesIO()
    Image.radial_gradient("L").resize((19, 14)).convert("RGB").save(target, kind, **options)
    return target.getvalue()


def stated(data: bytes) -> Statements:
    statements = take_apart(BytesIO(data)).statements
    assert statements is not None
    return statements


@pytest.mark.parametrize("kind", ["WEBP", "AVIF"])
@pytest.mark.parametrize("prefix", [b"", b"Exif\0\0"])
def test_what_pillow_writes_is_read_back(kind: str, prefix: bytes) -> None:
    found = stated(saved(kind, exif=prefix + EXIF, xmp=XMP, icc_profile=PROFILE))
    assert (found.exif, found.xmp, found.icc) == (EXIF, XMP, PROFILE)
    assert found.notes == ()


@pytest.mark.parametrize("kind", ["WEBP", "AVIF"])
def test_broken_blocks_do_not_cost_the_picture(kind: str) -> None:
    blocks = {"exif": EXIF, "xmp": XMP, "icc_profile": PROFILE}
    data = saved(kind, **blocks)
    for good in blocks.values():
        assert data.count(good[4:]) == 1
    data = data.replace(EXIF, bytes(len(EXIF))).replace(PROFILE[30:50], bytes(20))
    picture = decode(BytesIO(data), "a")
    np.testing.assert_array_equal(picture.pixels, decode(BytesIO(saved(kind)), "a").pixels)
    assert set(picture.notes) == {f"its EXIF {LEFT_OUT}", f"its colour profile {LEFT_OUT}"}


def test_a_webp_that_is_cut_off_behind_its_pixels_is_read() -> None:
    picture = decode(BytesIO(saved("WEBP", xmp=XMP)[:-9]), "a.webp")
    np.testing.assert_array_equal(picture.pixels, decode(BytesIO(saved("WEBP")), "a").pixels)
    assert picture.notes == (f"its XMP {LEFT_OUT}",)


def test_code_points_of_avif_are_stated() -> None:
    data = bytearray(saved("AVIF"))
    at = data.index(b"colrnclx") + 8
    data[at : at + 7] = struct.pack(">HHHB", 9, 16, 9, 0x80)
    assert stated(bytes(data)).cicp == Cicp(9, 16, 9, True)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_avif_is_turned_by_its_own_properties(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    turned = decode(BytesIO(saved("AVIF", exif=exif.tobytes())), "a.avif").pixels
    by_exif = decode(BytesIO(saved("WEBP", exif=exif.tobytes(), lossless=True)), "a.webp").pixels
    assert turned.shape == by_exif.shape
    assert np.abs(turned.astype(int) - by_exif).mean() < 4


@pytest.mark.parametrize("turn", [1, 8])
def test_exif_turns_no_avif_as_it_turns_none_in_pillow(turn: int) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x0128] = turn, 6
    data = saved("AVIF", exif=exif.tobytes())  # in which Pillow leaves the unit alone
    unit, orientation = struct.pack(">HHIH", 0x0128, 3, 1, 6), struct.pack(">HHIH", 0x0112, 3, 1, 6)
    if unit not in data:
        unit, orientation = (struct.pack("<HHIH", tag, 3, 1, 6) for tag in (0x0128, 0x0112))
    assert data.count(unit) == 1
    picture = decode(BytesIO(data.replace(unit, orientation)), "a.avif")
    with Image.open(BytesIO(data.replace(unit, orientation))) as image:
        expected = np.asarray(ImageOps.exif_transpose(image))
    np.testing.assert_array_equal(picture.pixels, expected)
    assert picture.metadata.orientation == 1
