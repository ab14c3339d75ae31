"""JPEG XL as libjxl writes it, with and without a JPEG file in it."""

from __future__ import annotations

import base64
import io
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageOps

from cadyq_cli.errors import ImageError, InputError
from cadyq_cli.imaging.colour_spaces.code_points import PRIMARIES
from cadyq_cli.imaging.colour_spaces.curves import SRGB
from cadyq_cli.imaging.colour_spaces.profiles import profile
from cadyq_cli.imaging.containers.jxl_header import Header, read_header
from cadyq_cli.imaging.decoding import decode
from cadyq_cli.imaging.files import read, write
from cadyq_cli.imaging.formats import format_named
from cadyq_cli.imaging.metadata import Metadata
from cadyq_cli.imaging.picture import Picture

pillow_jxl = pytest.importorskip("pillow_jxl")

DISPLAY_P3 = profile("Display P3", SRGB, PRIMARIES[12])
XMP = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>"
EXIF = b"II*\0\x08\0\0\0\1\0\x0f\1\2\0\4\0\0\0Mak\0\0\0\0\0"
# By libjxl 0.11, of what the plugin does not write: 16 bits of RGB; two pictures; floats.
DEEP = (
    "AAAADEpYTCANCocKAAAAFGZ0eXBqeGwgAAAAAGp4bCAAAAAJanhsbAoAAAA7anhsY/8KCBD8ABQtAggEAQCQAEsYixVC"
    "CnAeQRl6v0AMAAggwCw5oOhkP00QAQ/1vaObSBQuAQ=="
)
ANIMATED = "/woIEEETAIgJCAQBACwASxiLFUKp0AOQAAAIBAUAMABLGIsVwklBHoCQAAA="
FLOATS = (
    "AAAADEpYTCANCocKAAAAFGZ0eXBqeGwgAAAAAGp4bCAAAAAJanhsbAoAAAAcanhsY/8KCBByQNEiCAQBABgASxiLFYIB"
)


def encoder(mode: str, *, lossless: bool = True) -> Any:
    return pillow_jxl.Encoder(
        mode=mode,
        lossless=lossless,
        quality=100 if lossless else 90,
        decoding_speed=0,
        effort=3,
        use_container=True,
        use_original_profile=lossless,
        num_threads=1,
    )


def jxl(pixels: NDArray[Any], mode: str, *, lossless: bool = True, **metadata: Any) -> bytes:
    height, width = pixels.shape[:2]
    known: dict[str, Any] = {"exif": None, "xmp": None, "jumb": None, "compress": False}
    encode = encoder(mode, lossless=lossless)
    data: bytes = encode(pixels.tobytes(), width, height, jpeg_encode=False, **(known | metadata))
    return data


def ramp(height: int, width: int) -> NDArray[np.uint8]:
    down, across = np.mgrid[0:height, 0:width] / (height + width)
    return (np.stack([across, down, 1 - across, 0.2 + down], axis=-1) * 255).astype(np.uint8)


def written_by(picture: Picture, path: Path, **options: Any) -> NDArray[Any]:
    """What libjxl reads of a picture that we write."""
    write(path, picture, **options)
    _, info, data, _, _ = pillow_jxl.Decoder(num_threads=1)(path.read_bytes())
    return np.frombuffer(data, np.uint8).reshape(info.height, info.width, -1)


@pytest.mark.parametrize(("mode", "channels"), [("L", [0]), ("LA", [0, 3])])
@pytest.mark.parametrize("lossless", [True, False])
def test_gray_stays_gray(mode: str, channels: list[int], lossless: bool) -> None:
    pixels = ramp(32, 48)[..., channels]
    picture = decode(io.BytesIO(jxl(pixels, mode, lossless=lossless)), "a.jxl")
    assert picture.gray
    assert picture.metadata.icc is None
    assert np.abs(picture.pixels[..., 0].astype(int) - pixels[..., 0]).max() <= 3 * (not lossless)
    assert (picture.alpha is None) == (mode == "L")


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_lossless_pixels_come_back(mode: str) -> None:
    pixels = ramp(32, 48)[..., : len(mode)]
    picture = decode(io.BytesIO(jxl(pixels, mode)), "a.jxl")
    np.testing.assert_array_equal(picture.pixels, pixels[..., :3])
    if mode == "RGBA":
        np.testing.assert_array_equal(picture.alpha, pixels[..., 3])


def test_sixteen_bits_of_gray_stay() -> None:
    pixels = np.arange(0, 65536, 37, dtype=np.uint16)[:1728].reshape(36, 48)
    picture = decode(io.BytesIO(jxl(pixels, "I;16")), "a.jxl")
    np.testing.assert_array_equal(picture.pixels[..., 0], pixels)
    assert picture.notes == ()


def test_of_sixteen_bits_of_colour_eight_are_read_and_told() -> None:
    picture = decode(io.BytesIO(base64.b64decode(DEEP)), "a.jxl")
    stored = [[[0, 1000, 65535], [20000, 30000, 40000]], [[65535, 0, 0], [257, 514, 771]]]
    assert np.abs(picture.pixels - np.array(stored) / 257).max() < 1
    assert picture.notes == ("has 16 bits a channel, of which 8 are read",)


def test_an_animation_is_told() -> None:
    picture = decode(io.BytesIO(base64.b64decode(ANIMATED)), "a.jxl")
    assert picture.pixels[0, 0].tolist() == [200] * 3
    assert picture.notes == ("is an animation, of which the last picture is used",)


def test_floats_are_refused() -> None:
    with pytest.raises(ImageError, match="has floating-point pixels; save it with 8 or 16 bits"):
        decode(io.BytesIO(base64.b64decode(FLOATS)), "a.jxl")


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_jpeg_inside_is_turned_once_and_keeps_all_it_says(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "Camera", orientation
    jpeg = io.BytesIO()
    image = Image.fromarray(ramp(32, 48)[..., :3])
    image.save(jpeg, "JPEG", quality=95, exif=exif, icc_profile=DISPLAY_P3)
    data = encoder("RGB")(jpeg.getvalue(), 48, 32, jpeg_encode=True)
    picture = decode(io.BytesIO(data), "a.jxl")
    with Image.open(jpeg) as stored:
        upright = np.asarray(ImageOps.exif_transpose(stored))
    assert np.abs(picture.pixels.astype(int) - upright).max() <= 3
    assert (picture.metadata.icc, picture.metadata.orientation) == (DISPLAY_P3, 1)
    assert picture.notes == ()
    assert picture.metadata.exif is not None
    assert b"Camera" in picture.metadata.exif


@pytest.mark.parametrize("compress", [True, False])
@pytest.mark.parametrize("prefix", [b"", bytes(4)])
def test_exif_and_xmp_are_read(compress: bool, prefix: bytes) -> None:
    said: dict[str, Any] = {"exif": prefix + EXIF, "xmp": XMP, "compress": compress}
    found = decode(io.BytesIO(jxl(ramp(16, 16)[..., :3], "RGB", **said)), "a.jxl")
    assert found.notes == ()
    assert (found.metadata.exif, found.metadata.xmp) == (EXIF, XMP)


def test_without_brotli_what_it_compressed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    data = jxl(ramp(16, 16)[..., :3], "RGB", xmp=XMP, compress=True)
    monkeypatch.setitem(sys.modules, "brotli", None)
    assert decode(io.BytesIO(data), "a.jxl").notes == (
        "its XMP is left out; to keep it: pip install brotli",
    )


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_what_is_written_without_a_quality_is_read_by_libjxl_as_it_was(
    tmp_path: Path, dtype: type, channels: int
) -> None:
    whole = ramp(37, 53)
    stored = whole[..., {1: [0], 2: [0, 3], 3: [0, 1, 2], 4: [0, 1, 2, 3]}[channels]]
    scale = dtype(1 if dtype == np.uint8 else 257)
    colour = (whole[..., :1].repeat(3, 2) if channels < 3 else whole[..., :3]) * scale
    alpha = whole[..., 3] * scale if channels in (2, 4) else None
    picture = Picture(pixels=colour, alpha=alpha, gray=channels < 3)
    np.testing.assert_array_equal(written_by(picture, tmp_path / "a.jxl"), stored)


def test_a_quality_makes_files_smaller(tmp_path: Path) -> None:
    with Image.open(Path(__file__).parents[2] / "images" / "photo.png") as photo:
        pixels = np.asarray(photo.convert("RGB"))
    sizes, errors = [], []
    for quality in (30, 80, None):
        path = tmp_path / f"{quality}.jxl"
        found = written_by(Picture(pixels=pixels), path, quality=quality)
        sizes.append(path.stat().st_size)
        errors.append(np.abs(found.astype(int) - pixels).mean())
    assert sizes == sorted(sizes)
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] == 0 < errors[-2] < 4


def test_what_a_picture_says_is_written(tmp_path: Path) -> None:
    pixels = np.full((8, 8, 3), 100, np.uint8)
    write(tmp_path / "a.jxl", Picture(pixels=pixels, metadata=Metadata(exif=EXIF, xmp=XMP)))
    *_, boxes = pillow_jxl.Decoder(num_threads=1)((tmp_path / "a.jxl").read_bytes())
    said = {box.box_type: bytes(box.data) for box in boxes}
    assert (said[b"Exif"], said[b"xml "]) == (bytes(4) + EXIF, XMP)
    assert read(tmp_path / "a.jxl").metadata.exif == EXIF


def bits(*numbers: tuple[int, int]) -> bytes:
    """A codestream that starts with these numbers, each with its count of bits."""
    whole = at = 0
    for value, count in numbers:
        whole |= value << at
        at += count
    return b"\xff\x0a" + whole.to_bytes(at // 8 + 8, "little")


SMALL = ((1, 1), (3, 5), (2, 3))  # a multiple of 8 high, 32 px; 12:10


@pytest.mark.parametrize(
    ("codestream", "expected"),
    [
        (bits((0, 1), (2, 2), (99, 18), (0, 3), (0, 2), (6, 9), (1, 1)), Header(7, 100)),
        (bits((0, 1), (0, 2), (89, 9), (5, 3), (1, 1)), Header(160, 90)),  # 16:9
        (bits(*SMALL, (1, 1)), Header(38, 32)),
    ],
)
def test_a_header_says_how_large_a_picture_is(codestream: bytes, expected: Header) -> None:
    assert read_header(codestream) == expected


def test_a_header_says_more_of_a_picture() -> None:
    alpha = ((0, 1), (0, 2), (0, 1), (0, 2), (0, 2), (0, 2), (1, 1))  # 8 bits, no name, multiplied
    animation = ((1, 1), (0, 3), (0, 2), (1, 1), (0, 2), (0, 2), (0, 2), (0, 1))
    display_p3 = ((0, 1), (0, 1), (0, 2), (1, 2), (2, 2), (9, 4), (0, 1), (2, 2), (11, 4))
    header = bits(
        *SMALL, (0, 1), *animation, (0, 1), (2, 2), (1, 1), (1, 2), *alpha, (1, 1), *display_p3
    )
    assert read_header(header) == Header(38, 32, 12, animated=True, multiplied=True, srgb=False)


def test_a_picture_beyond_the_limit_is_not_decoded() -> None:
    with pytest.raises(ImageError, match="is too large, 160x90 px"):
        decode(io.BytesIO(bits((0, 1), (0, 2), (89, 9), (5, 3), (1, 1))), "a.jxl", max_pixels=14399)


def test_without_the_package_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    data = jxl(ramp(16, 16)[..., :3], "RGB")
    monkeypatch.setitem(sys.modules, "pillow_jxl", None)
    wanted = "a.jxl: is a JPEG XL image; to read it: pip install pillow-jxl-plugin$"
    with pytest.raises(ImageError, match=wanted):
        decode(io.BytesIO(data), "a.jxl")
    with pytest.raises(InputError, match="writing JXL takes pillow-jxl-plugin; to have it: pip"):
        format_named("jxl")
