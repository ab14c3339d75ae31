"""Whatever stands in a file, reading it gives a picture or one of our own errors."""

from __future__ import annotations

from contextlib import suppress
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from cadyq_cli.errors import ImageError
from cadyq_cli.imaging.containers.taking_apart import take_apart
from cadyq_cli.imaging.decoding import decode
from cadyq_cli.imaging.files import encode
from cadyq_cli.imaging.formats import FORMATS, Format
from cadyq_cli.imaging.metadata import Metadata

PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
XMP = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'></x:xmpmeta>"
KINDS = ("PNG", "JPEG", "WEBP", "TIFF", "AVIF", "BMP", "GIF")
PLUGINS = tuple(each for each in FORMATS if each.kind.plugin and each.kind.is_at_hand)
STARTS = (
    *(b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe1", b"RIFF\xff\0\0\0WEBPVP8X", b"II*\0\x08\0\0\0"),
    *(b"MM\0*\0\0\0\x08", b"II+\0\x08\0\0\0", b"\0\0\0\x18ftypavif", b"BM", b"GIF89a", b""),
    *(b"\0\0\0\x18ftypheic", b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n"),
)


def saved(kind: str) -> bytes:
    """A small picture with everything that Pillow can say in a format."""
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "Camera", 6
    exif[0x011A], exif[0x011B], exif[0x0128] = 300.0, 150.0, 2
    stated: dict[str, Any] = {"icc_profile": PROFILE, "xmp": XMP, "exif": exif}
    if kind == "PNG":
        stated["pnginfo"] = info = PngInfo()
        info.add_text("Title", "plain", zip=True)
        info.add_itxt("XML:com.adobe.xmp", XMP.decode())
    if kind == "TIFF":
        exif[700] = XMP
    if kind in ("BMP", "GIF"):
        stated = {"dpi": (300, 150), "comment": b"c"}
    target = BytesIO()
    Image.radial_gradient("L").resize((18, 14)).convert("RGB").save(target, kind, **stated)
    return target.getvalue()


def written(file_format: Format) -> bytes:
    """The same in a format that Pillow does not know."""
    exif = Image.Exif()
    exif[0x010F] = "Camera"
    target, metadata = BytesIO(), Metadata(exif=exif.tobytes().removeprefix(b"Exif\0\0"), xmp=XMP)
    with encode(target, file_format, (14, 18, 3), name="a", metadata=metadata) as put:
        put(np.full((14, 18, 3), 100, np.uint8))
    return target.getvalue()


SAVED = {kind: saved(kind) for kind in KINDS} | {each.name: written(each) for each in PLUGINS}


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A valid file with a few bytes changed, put in or cut off."""
    data = bytearray(SAVED[draw(st.sampled_from(list(SAVED)))])
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(0, len(data) - 1)))
        change = draw(st.sampled_from(("set", "insert", "delete", "cut")))
        if change == "set":
            data[at : at + 1] = draw(st.binary(min_size=1, max_size=4))
        elif change == "insert":
            data[at:at] = draw(st.binary(max_size=40))
        elif change == "delete":
            del data[at : at + draw(st.integers(1, 40))]
        else:
            del data[-draw(st.integers(1, 40)) :]
    return bytes(data)


def starting() -> st.SearchStrategy[bytes]:
    return st.builds(bytes.__add__, st.sampled_from(STARTS), st.binary(max_size=300))


@settings(max_examples=150, deadline=None, derandomize=True)
@given(data=st.one_of(damaged(), starting()))
@example(data=b"\xff\xd8" + b"\xff" * 5000)
def test_any_bytes_give_a_picture_or_our_own_error(data: bytes) -> None:
    take_apart(BytesIO(data))
    with suppress(ImageError):
        assert decode(BytesIO(data), "a", max_pixels=1 << 16).pixels.shape[2] == 3


@pytest.mark.parametrize("kind", SAVED)
def test_what_is_whole_is_read_without_a_note(kind: str) -> None:
    assert decode(BytesIO(SAVED[kind]), "a").notes == ()
