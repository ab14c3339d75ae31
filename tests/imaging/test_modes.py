"""Deep, inked and transparent pixels arrive as what they show."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image, ImageCms
from skimage.color import lab2rgb

from cadyq_cli.errors import ImageError
from cadyq_cli.imaging.files import read

Array = NDArray[Any]


@pytest.fixture
def deep(rng: np.random.Generator) -> Array:
    return rng.integers(0, 65536, (21, 34, 4), dtype=np.uint16)


def save_png(path: Path, pixels: Array, *extra: tuple[bytes, bytes]) -> None:
    """A PNG straight from its specification: no filter, one chunk of data."""
    height, width, channels = pixels.shape
    bits = pixels.dtype.itemsize * 8
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    lines = pixels.astype(pixels.dtype.newbyteorder(">")).reshape(height, -1)
    data = b"".join(b"\0" + line.tobytes() for line in lines)
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)),
        *extra,
        (b"IDAT", zlib.compress(data)),
        (b"IEND", b""),
    ]
    with path.open("wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n")
        for name, content in chunks:
            file.write(struct.pack(">I", len(content)) + name + content)
            file.write(struct.pack(">I", zlib.crc32(name + content)))


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_sixteen_bit_png_keeps_all_bits(tmp_path: Path, deep: Array, channels: int) -> None:
    pixels = deep[..., :channels]
    save_png(tmp_path / "a.png", pixels)
    picture = read(tmp_path / "a.png")
    colours = 1 if channels < 3 else 3
    assert picture.pixels.dtype == np.uint16
    np.testing.assert_array_equal(
        picture.pixels, np.broadcast_to(pixels[..., :colours], (21, 34, 3))
    )
    assert picture.gray == (colours == 1)
    if channels in (2, 4):
        np.testing.assert_array_equal(picture.alpha, pixels[..., -1])
    else:
        assert picture.alpha is None


@pytest.mark.parametrize("channels", [1, 3])
def test_the_transparent_colour_of_a_sixteen_bit_png_is_compared_in_all_bits(
    tmp_path: Path, channels: int
) -> None:
    near = np.full((1, 3, channels), 0x1234, np.uint16)
    near[0, 1, -1] += 1
    save_png(tmp_path / "a.png", near, (b"tRNS", struct.pack(">H", 0x1234) * channels))
    alpha = read(tmp_path / "a.png").alpha
    assert alpha is not None
    assert alpha.tolist() == [[0, 65535, 0]]


@pytest.mark.parametrize("predictor", [False, True])
@pytest.mark.parametrize("tile", [None, (16, 16)])
@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_sixteen_bit_tiff_keeps_all_bits(
    tmp_path: Path,
    deep: Array,
    channels: int,
    compression: str | None,
    byteorder: Literal["<", ">"],
    tile: tuple[int, int] | None,
    predictor: bool,
) -> None:
    pixels = deep[..., :channels].squeeze()
    tifffile.imwrite(
        tmp_path / "a.tif",
        pixels,
        photometric="minisblack" if channels == 1 else "rgb",
        compression=compression,
        predictor=predictor and compression is not None,
        byteorder=byteorder,
        tile=tile,
        extrasamples=["unassalpha"] if channels == 4 else None,
    )
    picture = read(tmp_path / "a.tif")
    np.testing.assert_array_equal(
        picture.pixels, np.broadcast_to(deep[..., : min(channels, 3)], (21, 34, 3))
    )
    if channels == 4:
        np.testing.assert_array_equal(picture.alpha, deep[..., 3])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_tiff_whose_white_is_zero_is_not_inverted(tmp_path: Path, dtype: type) -> None:
    stored: Array = np.arange(12, dtype=dtype).reshape(3, 4)
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="miniswhite")
    shown = np.iinfo(dtype).max - stored
    np.testing.assert_array_equal(read(tmp_path / "a.tif").pixels[..., 0], shown)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_alpha_that_was_multiplied_in_is_divided_out(tmp_path: Path, dtype: type) -> None:
    white = np.iinfo(dtype).max
    half = white // 2 + 1
    stored: Array = np.array([[[0, half, half // 2, half], [0, 0, 0, 0], [1, 2, 3, white]]], dtype)
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="rgb", extrasamples=["assocalpha"])
    picture = read(tmp_path / "a.tif")
    np.testing.assert_array_equal(picture.alpha, stored[..., 3])
    assert picture.pixels[0, 0].tolist() == [0, white, pytest.approx(white / 2, abs=1)]
    assert picture.pixels[0, 2].tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    ("pixels", "options", "cause"),
    [
        (np.zeros((4, 4), np.float32), {}, "has floating-point pixels"),
        (
            np.zeros((4, 4, 3), np.float32),
            {"photometric": "rgb"},
            "has floating-point pixels",
        ),
        (np.zeros((4, 4), np.int32), {}, "has signed 32-bit pixels"),
        *(
            (
                np.zeros((3, 4, 4), np.uint16),
                {"photometric": "rgb", "planarconfig": "separate", **options},
                "16-bit channels in separate planes",
            )
            for options in ({"compression": "zlib"}, {"byteorder": "<"}, {"byteorder": ">"})
        ),
    ],
)
def test_pixels_that_would_be_mangled_are_refused(
    tmp_path: Path, pixels: Array, options: dict[str, Any], cause: str
) -> None:
    tifffile.imwrite(tmp_path / "a.tif", pixels, **options)
    with pytest.raises(ImageError, match=cause):
        read(tmp_path / "a.tif")


@pytest.mark.parametrize("profile", [None, b"rubbish"])
@pytest.mark.parametrize("suffix", [".jpg", ".tif"])
def test_cmyk_becomes_rgb(tmp_path: Path, suffix: str, profile: bytes | None) -> None:
    inks = [(0, 0, 0, 0), (255, 0, 0, 0), (0, 255, 0, 0), (0, 0, 255, 0), (0, 0, 0, 255)]
    image = Image.new("CMYK", (80, 16))
    for place, ink in enumerate(inks):
        image.paste(ink, (16 * place, 0, 16 * place + 16, 16))
    image.save(tmp_path / f"a{suffix}", icc_profile=profile)
    picture = read(tmp_path / f"a{suffix}")
    assert picture.metadata.icc is None
    white, cyan, magenta, yellow, black = picture.pixels[8, 8::16].astype(int)
    assert np.abs(white - 255).max() <= 2
    assert np.abs(cyan - [0, 255, 255]).max() <= 2
    assert np.abs(magenta - [255, 0, 255]).max() <= 2
    assert np.abs(yellow - [255, 255, 0]).max() <= 2
    assert np.abs(black).max() <= 2
    assert "CMYK colours became sRGB" in picture.notes


@pytest.mark.parametrize("transparency", [None, 3, bytes([255, 0, 128])])
def test_palettes_show_the_colours_they_name(
    tmp_path: Path, rng: np.random.Generator, transparency: int | bytes | None
) -> None:
    palette = rng.integers(0, 256, (4, 3), dtype=np.uint8)
    codes = rng.integers(0, 4, (5, 6), dtype=np.uint8)
    image = Image.fromarray(codes).convert("P")
    image.putpalette(palette.ravel().tolist())
    image.putdata(codes.ravel().tolist())
    opacity = np.full(4, 255, np.uint8)
    if isinstance(transparency, int):
        opacity[transparency] = 0
    elif transparency is not None:
        opacity[: len(transparency)] = list(transparency)
    image.save(tmp_path / "a.png", transparency=transparency)
    picture = read(tmp_path / "a.png")
    np.testing.assert_array_equal(picture.pixels, palette[codes])
    if transparency is None:
        assert picture.alpha is None
    else:
        np.testing.assert_array_equal(picture.alpha, opacity[codes])


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".png", ".tif"])
def test_of_several_frames_the_first_is_taken_and_that_is_said(tmp_path: Path, suffix: str) -> None:
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("red", "lime", "blue")]
    frames[0].save(tmp_path / f"a{suffix}", save_all=True, append_images=frames[1:])
    picture = read(tmp_path / f"a{suffix}")
    assert np.abs(picture.pixels.astype(int) - [255, 0, 0]).max() <= 2
    assert picture.notes == ("holds several pictures; the first one is used",)


def test_equal_channels_are_gray(tmp_path: Path, rng: np.random.Generator) -> None:
    gray = rng.integers(0, 256, (5, 6, 1), dtype=np.uint8).repeat(3, axis=2)
    save_png(tmp_path / "gray.png", gray)
    assert read(tmp_path / "gray.png").gray
    gray[4, 5, 2] ^= 1
    save_png(tmp_path / "nearly.png", gray)
    assert not read(tmp_path / "nearly.png").gray


def test_gray_in_an_rgb_profile_stays_rgb_with_its_profile(tmp_path: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.new("RGB", (4, 4), "gray").save(tmp_path / "a.png", icc_profile=profile)
    picture = read(tmp_path / "a.png")
    assert picture.gray
    assert picture.colours == 3
    assert picture.metadata.icc == profile


def cyan_profile(lightness: int, a: int, b: int) -> bytes:
    """A CMYK profile whose full cyan is that Lab colour; without it, only black ink counts."""
    inks = np.array(list(np.ndindex(2, 2, 2, 2)))
    colours = np.where(inks[:, :1], [lightness * 255 // 100, 128 + a, 128 + b], [255, 128, 128])
    colours[:, 0] *= 1 - inks[:, 3]
    ramp, one = bytes(range(256)), 65536
    table = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0])
    table += struct.pack(">9i", one, 0, 0, 0, one, 0, 0, 0, one)
    table += ramp * 4 + colours.astype(np.uint8).tobytes() + ramp * 3
    white = struct.pack(">3i", *(round(x * one) for x in (0.9642, 1, 0.8249)))
    tags = {
        b"desc": b"desc\0\0\0\0" + struct.pack(">I", 2) + b"t\0" + bytes(78),
        b"cprt": b"text\0\0\0\0-\0",
        b"wtpt": b"XYZ \0\0\0\0" + white,
        b"A2B0": table,
        b"A2B1": table,
    }
    index, body, start = struct.pack(">I", len(tags)), b"", 128 + 4 + 12 * len(tags)
    for name, content in tags.items():
        index += name + struct.pack(">II", start + len(body), len(content))
        body += content.ljust(-(-len(content) // 4) * 4, b"\0")
    header = struct.pack(">I4xI", start + len(body), 0x02400000) + b"prtrCMYKLab " + bytes(12)
    header += b"acsp" + bytes(28) + white
    return header.ljust(128, b"\0") + index + body


def test_cmyk_with_a_profile_becomes_the_colour_that_it_names(tmp_path: Path) -> None:
    inks = Image.new("CMYK", (8, 8), (255, 0, 0, 0))
    inks.save(tmp_path / "a.tif", icc_profile=cyan_profile(60, 0, 0))
    picture = read(tmp_path / "a.tif")
    expected = lab2rgb([60.0, 0.0, 0.0]) * 255
    np.testing.assert_allclose(picture.pixels[0, 0], expected, atol=2)
