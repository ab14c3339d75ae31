"""HEIC as phones write it, told apart and shown as libheif's own interface shows it."""

from __future__ import annotations

import io
import struct
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from cadyq_cli.errors import ImageError, InputError
from cadyq_cli.imaging.colour_spaces.code_points import PRIMARIES
from cadyq_cli.imaging.colour_spaces.curves import SRGB
from cadyq_cli.imaging.colour_spaces.profiles import profile
from cadyq_cli.imaging.containers.contents import SEVERAL
from cadyq_cli.imaging.containers.statements import Cicp
from cadyq_cli.imaging.decoding import decode
from cadyq_cli.imaging.files import read, write
from cadyq_cli.imaging.formats import format_named
from cadyq_cli.imaging.metadata import Metadata
from cadyq_cli.imaging.picture import Picture

pillow_heif = pytest.importorskip("pillow_heif")

DISPLAY_P3 = profile("Display P3", SRGB, PRIMARIES[12])
XMP = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>"


def ramp(height: int, width: int, bits: int = 8) -> NDArray[Any]:
    """Four channels without equal corners, smooth enough for any codec."""
    down, across = np.mgrid[0:height, 0:width] / (height + width)
    values = np.stack([across, down, 1 - across, 0.2 + down], axis=-1) * (2**bits - 1)
    pixels: NDArray[Any] = values.astype(np.uint8 if bits == 8 else np.uint16)
    return pixels


def heic(pixels: NDArray[Any], mode: str, **info: Any) -> bytes:
    """A file by libheif, which takes 16 bits and keeps 10."""
    height, width = pixels.shape[:2]
    file = io.BytesIO()
    image = pillow_heif.from_bytes(mode, (width, height), pixels.tobytes())
    image.info.update(info)
    image.save(file, quality=-1, chroma="444")
    return file.getvalue()


def shown(data: bytes) -> NDArray[Any]:
    """The picture as pillow-heif's interface gives it, in 8 bits."""
    found: NDArray[Any] = np.asarray(pillow_heif.open_heif(io.BytesIO(data)))
    return found


def exif(orientation: int) -> bytes:
    found = Image.Exif()
    found[0x010F], found[0x0112] = "Camera", orientation
    return found.tobytes()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_is_turned_once(orientation: int) -> None:
    data = heic(ramp(32, 48)[..., :3], "RGB", exif=exif(orientation))
    picture = decode(io.BytesIO(data), "a.heic")
    np.testing.assert_array_equal(picture.pixels, shown(data))
    assert picture.pixels.shape[0] == (32 if orientation < 5 else 48)
    assert picture.metadata.orientation == 1
    assert picture.metadata.exif is not None
    assert b"Camera" in picture.metadata.exif


def test_exif_alone_turns_nothing() -> None:
    """HEIF has EXIF inform, and the file's own boxes turn."""
    data = heic(ramp(32, 48)[..., :3], "RGB", exif=exif(1))
    entry = struct.pack(">HHIH", 0x0112, 3, 1, 1)
    assert data.count(entry) == 1
    turned = decode(io.BytesIO(data.replace(entry, entry[:-1] + b"\6")), "a.heic")
    np.testing.assert_array_equal(turned.pixels, shown(data))
    assert turned.metadata.orientation == 1


@pytest.mark.parametrize(("mode", "channels"), [("RGB;16", 3), ("RGBA;16", 4), ("I;16", 1)])
def test_ten_bits_stay_and_white_stays_white(mode: str, channels: int) -> None:
    pixels = ramp(32, 48, bits=16)[..., :channels]
    pixels[:8] = 65535
    picture = decode(io.BytesIO(heic(pixels, mode)), "a.heic")
    assert picture.pixels.dtype == np.uint16
    assert picture.bits == 10
    colours = 1 if channels == 1 else 3
    error = np.abs(picture.pixels[..., :colours].astype(int) - pixels[..., :colours])
    assert error.max() <= 128  # two steps of 64
    assert (picture.pixels[:4] == 65535).all()
    assert (picture.pixels % 257).any()  # no levels of 8 bits
    assert (picture.alpha is None) == (channels != 4)


@pytest.mark.parametrize(("mode", "most"), [("RGBA", 2), ("RGBa", 8)])
def test_alpha_is_no_part_of_the_colours(mode: str, most: int) -> None:
    pixels = ramp(32, 48)
    stored = pixels.copy()
    if mode == "RGBa":
        stored[..., :3] = np.rint(pixels[..., :3] * (pixels[..., 3:] / 255))
    picture = decode(io.BytesIO(heic(stored, mode)), "a.heic")
    assert picture.alpha is not None
    assert np.abs(picture.alpha.astype(int) - pixels[..., 3]).max() <= 1
    assert np.abs(picture.pixels.astype(int) - pixels[..., :3]).max() <= most


def test_what_the_file_says_is_kept(tmp_path: Path) -> None:
    data = heic(ramp(32, 48)[..., :3], "RGB", exif=exif(6), xmp=XMP, icc_profile=DISPLAY_P3)
    (tmp_path / "a.heic").write_bytes(data)
    picture = read(tmp_path / "a.heic")
    assert (picture.metadata.icc, picture.notes) == (DISPLAY_P3, ())
    write(tmp_path / "b.heic", picture)
    again = pillow_heif.open_heif(tmp_path / "b.heic")
    assert again.info["icc_profile"] == DISPLAY_P3
    assert b"xmpmeta" in again.info["xmp"]
    assert b"Camera" in again.info["exif"]
    assert again.size == (32, 48)


def test_code_points_are_read_and_written(tmp_path: Path) -> None:
    metadata = Metadata(cicp=Cicp(9, 16, 0, True))
    pixels = np.full((16, 16, 3), 100, np.uint8)
    write(tmp_path / "a.heic", Picture(pixels=pixels, metadata=metadata))
    stated = pillow_heif.open_heif(tmp_path / "a.heic").info["nclx_profile"]
    assert (stated["color_primaries"], stated["transfer_characteristics"]) == (9, 16)
    found = read(tmp_path / "a.heic").metadata.cicp
    assert found is not None
    assert found[:2] == (9, 16)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("size", [(1, 1), (37, 53), (530, 20)])  # the last is cut into tiles
def test_what_is_written_is_shown_by_libheif(
    tmp_path: Path, size: tuple[int, int], dtype: type, channels: int
) -> None:
    whole = ramp(*size, bits=np.dtype(dtype).itemsize * 8)
    colour = whole[..., :1].repeat(3, axis=2) if channels < 3 else whole[..., :3]
    alpha = whole[..., 3] if channels in (2, 4) else None
    write(tmp_path / "a.heic", Picture(pixels=colour, alpha=alpha, gray=channels < 3))
    found = pillow_heif.open_heif(tmp_path / "a.heic", convert_hdr_to_8bit=False)
    assert found.info["bit_depth"] == (8 if dtype == np.uint8 else 10)
    pixels = np.asarray(found) / np.iinfo(dtype).max
    expected = whole / np.iinfo(dtype).max
    if channels < 3:
        expected[..., :3] = expected[..., :1]
    assert pixels.shape[2] == (4 if channels in (2, 4) else 3)
    assert np.abs(pixels - expected[..., : pixels.shape[2]]).max() < 0.03


def test_quality_trades_size_for_likeness(tmp_path: Path, rng: np.random.Generator) -> None:
    noise = Image.fromarray(rng.integers(0, 256, (40, 50, 3), dtype=np.uint8))
    pixels = np.asarray(noise.resize((200, 160)))
    sizes, errors = [], []
    for quality in (20, 60, None):
        write(tmp_path / f"{quality}.heic", Picture(pixels=pixels), quality=quality)
        data = (tmp_path / f"{quality}.heic").read_bytes()
        sizes.append(len(data))
        errors.append(np.abs(shown(data).astype(int) - pixels).mean())
    assert sizes == sorted(sizes)
    assert errors == sorted(errors, reverse=True)


def test_of_several_pictures_the_first_is_used_and_told() -> None:
    file, image = io.BytesIO(), pillow_heif.HeifFile()
    for level in (40, 200):
        image.add_frombytes("L", (32, 32), bytes([level]) * 32 * 32)
    image.save(file, quality=90)
    picture = decode(file, "a.heic")
    assert picture.notes == (SEVERAL,)
    assert np.abs(picture.pixels.astype(int) - 40).max() <= 2


def test_a_depth_map_is_told() -> None:
    alpha, depth = (b"urn:mpeg:hevc:2015:auxid:%d\0" % number for number in (1, 2))
    data = heic(ramp(32, 48), "RGBA")
    assert data.count(alpha) == 1
    picture = decode(io.BytesIO(data.replace(alpha, depth)), "a.heic")
    assert picture.notes == ("holds a depth map, which is left out",)
    assert picture.alpha is None


def test_a_picture_beyond_the_limit_is_not_decoded() -> None:
    data = heic(ramp(32, 48)[..., :3], "RGB")
    cut = data[: data.index(b"mdat") + 4] + bytes(len(data) - data.index(b"mdat") - 4)
    with pytest.raises(ImageError, match="is too large, 48x32 px"):
        decode(io.BytesIO(cut), "a.heic", max_pixels=48 * 32 - 1)


def test_without_the_package_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    data = heic(ramp(32, 48)[..., :3], "RGB")
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    wanted = "a.heic: is a HEIC image; to read it: pip install pillow-heif$"
    with pytest.raises(ImageError, match=wanted):
        decode(io.BytesIO(data), "a.heic")
    with pytest.raises(InputError, match="writing HEIC takes pillow-heif; to have it: pip install"):
        format_named("heic")
