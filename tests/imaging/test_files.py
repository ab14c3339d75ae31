"""Images of every kind come in upright and complete, and broken ones are named."""

from __future__ import annotations

import contextlib
import os
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageOps

from cadyq_cli.errors import CadyqError, ImageError
from cadyq_cli.imaging.files import create, read, write
from cadyq_cli.imaging.picture import Picture

Array = NDArray[Any]


@pytest.fixture
def pixels(rng: np.random.Generator) -> Array:
    return rng.integers(0, 256, (13, 20, 3), dtype=np.uint8)


@pytest.mark.parametrize("suffix", [".png", ".webp", ".bmp", ".tif"])
@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB"])
def test_opaque_modes_become_the_rgb_that_pillow_shows(
    tmp_path: Path, pixels: Array, mode: str, suffix: str
) -> None:
    image = Image.fromarray(pixels).convert(mode)
    path = tmp_path / f"a{suffix}"
    options: dict[str, Any] = {"lossless": True} if suffix == ".webp" else {}
    image.save(path, **options)
    picture = read(path)
    np.testing.assert_array_equal(picture.pixels, np.asarray(image.convert("RGB")))
    assert picture.alpha is None
    assert picture.gray == (mode in ("1", "L"))


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_alpha_is_kept_apart(tmp_path: Path, pixels: Array, mode: str) -> None:
    image = Image.fromarray(pixels).convert(mode)
    alpha = Image.fromarray(pixels[..., 1])
    image.putalpha(alpha)
    image.save(tmp_path / "a.png")
    picture = read(tmp_path / "a.png")
    np.testing.assert_array_equal(picture.alpha, np.asarray(alpha))
    colour = image.convert("RGBA").getchannel
    for index, name in enumerate("RGB"):
        np.testing.assert_array_equal(picture.pixels[..., index], np.asarray(colour(name)))


def test_a_palette_with_transparency_has_alpha(tmp_path: Path) -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 200, 100, 50])
    image.putpixel((1, 0), 1)
    image.save(tmp_path / "a.png", transparency=bytes([255, 64]))
    picture = read(tmp_path / "a.png")
    assert picture.pixels.tolist() == [[[10, 20, 30], [200, 100, 50]]]
    assert picture.alpha is not None
    assert picture.alpha.tolist() == [[255, 64]]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_stand_upright(tmp_path: Path, pixels: Array, orientation: int) -> None:
    image = Image.fromarray(pixels)
    exif = Image.Exif()
    exif[0x0112] = orientation
    image.save(tmp_path / "a.png", exif=exif)
    with Image.open(tmp_path / "a.png") as stored:
        upright = np.asarray(ImageOps.exif_transpose(stored))
    np.testing.assert_array_equal(read(tmp_path / "a.png").pixels, upright)


def broken(folder: Path, pixels: Array) -> dict[str, Path]:
    """Paths that lead to no image, by why."""
    whole = folder / "whole.png"
    Image.fromarray(pixels.repeat(20, axis=0)).save(whole)
    contents = {
        "is empty": b"",
        "is not an image": b"some text, not an image at all",
        "is broken from its first bytes": b"\x89PNG and nothing more",
        "is broken: image file is truncated": whole.read_bytes()[:-200],
        "is a TIFF that is broken or has": b"II*\0 and nothing more",
        "is a video": b"\0\0\0\x18ftypisom\0\0\0\0isomavc1",
    }
    paths = {cause: folder / f"{number}.png" for number, cause in enumerate(contents)}
    for cause, content in contents.items():
        paths[cause].write_bytes(content)
    folder_cause = "Permission denied" if os.name == "nt" else "Is a directory"
    paths[folder_cause] = folder / "folder.png"
    paths[folder_cause].mkdir()
    paths["No such file"] = folder / "link.png"
    paths["No such file"].symlink_to(folder / "nowhere.png")
    if os.name != "nt":  # where it is the same as no file
        paths["Not a directory"] = whole / "a.png"
    return paths


def test_a_file_that_is_no_image_is_named_in_one_line(tmp_path: Path, pixels: Array) -> None:
    for cause, path in broken(tmp_path, pixels).items():
        with pytest.raises(ImageError) as caught:
            read(path)
        message = str(caught.value)
        assert message.startswith(f"{path}: ")
        assert cause in message
        assert "\n" not in message


SUFFIXES = [".png", ".jpg", ".webp", ".tif", ".gif", ".bmp", ".avif"]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_half_a_file_is_no_image(tmp_path: Path, pixels: Array, suffix: str) -> None:
    whole = tmp_path / f"whole{suffix}"
    Image.fromarray(pixels.repeat(9, axis=0)).save(whole)
    data, path = whole.read_bytes(), tmp_path / f"a{suffix}"
    for tenths in range(10):
        path.write_bytes(data[: len(data) * tenths // 10])
        with pytest.raises(ImageError):
            read(path)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_damage_never_surfaces_as_another_error(
    tmp_path: Path, pixels: Array, suffix: str, rng: np.random.Generator
) -> None:
    path = tmp_path / f"a{suffix}"
    Image.fromarray(pixels).save(path)
    data = np.frombuffer(path.read_bytes(), np.uint8)
    for reach in [64] * 40 + [len(data)] * 20:
        damaged = data.copy()
        damaged[rng.integers(0, min(reach, len(data)), 2)] = rng.integers(0, 256, 2)
        path.write_bytes(damaged.tobytes())
        with contextlib.suppress(ImageError):
            assert read(path, max_pixels=1_000_000).pixels.ndim == 3


def test_too_many_pixels_are_refused_before_they_are_decoded(tmp_path: Path) -> None:
    Image.new("1", (20_000, 1)).save(tmp_path / "bomb.png")
    data = bytearray((tmp_path / "bomb.png").read_bytes())
    data[20:24] = (10_000).to_bytes(4, "big")  # the height, of which there is one row
    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, "big")
    (tmp_path / "bomb.png").write_bytes(data)
    with pytest.raises(ImageError, match=r"too large, 20000x10000 px; the limit is 100000000 px"):
        read(tmp_path / "bomb.png", max_pixels=100_000_000)


def test_the_limit_of_pillow_does_not_apply(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pixels: Array
) -> None:
    Image.fromarray(pixels).save(tmp_path / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    assert read(tmp_path / "a.png").pixels.shape == pixels.shape
    assert Image.MAX_IMAGE_PIXELS == 10


@pytest.mark.parametrize("suffix", [".png", ".webp", ".bmp"])
def test_what_is_written_reads_back_exactly(tmp_path: Path, pixels: Array, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    write(path, Picture(pixels=pixels))
    np.testing.assert_array_equal(np.asarray(Image.open(path)), pixels)


def test_jpeg_is_close_to_what_was_written(tmp_path: Path) -> None:
    ramp = np.linspace(0, 255, 64).astype(np.uint8)
    pixels = np.dstack(
        [np.tile(ramp, (64, 1)), np.tile(ramp[:, None], (1, 64)), np.full((64, 64), 9)]
    )
    write(tmp_path / "a.jpg", Picture(pixels=pixels.astype(np.uint8)))
    again = np.asarray(Image.open(tmp_path / "a.jpg")).astype(int)
    assert np.abs(again - pixels).mean() < 2


def test_white_and_black_survive_jpeg(tmp_path: Path) -> None:
    halves = np.repeat(np.repeat(np.array([[[0], [255]]], np.uint8), 32, 0), 32, 1)
    write(tmp_path / "a.jpg", Picture(pixels=halves.repeat(3, axis=2)))
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "a.jpg")), halves.repeat(3, 2))


def test_gray_is_written_as_one_channel(tmp_path: Path, pixels: Array) -> None:
    gray = pixels[..., :1].repeat(3, axis=2)
    write(tmp_path / "a.png", Picture(pixels=gray, gray=True))
    image = Image.open(tmp_path / "a.png")
    assert image.mode == "L"
    np.testing.assert_array_equal(np.asarray(image), gray[..., 0])


def test_an_existing_file_stays_unless_asked_otherwise(tmp_path: Path, pixels: Array) -> None:
    path = tmp_path / "a.png"
    path.write_text("precious")
    with pytest.raises(ImageError, match=r"a\.png: exists already"):
        write(path, Picture(pixels=pixels))
    assert path.read_text() == "precious"
    write(path, Picture(pixels=pixels), overwrite=True)
    np.testing.assert_array_equal(read(path).pixels, pixels)


@pytest.mark.parametrize("accident", [RuntimeError, KeyboardInterrupt])
def test_an_interrupted_file_leaves_nothing_behind(
    tmp_path: Path, pixels: Array, accident: type[BaseException]
) -> None:
    path = tmp_path / "a.png"
    path.write_text("precious")

    def write_half() -> None:
        with create(path, (13, 20, 3), overwrite=True) as put:
            put(pixels[:5])
            raise accident

    with pytest.raises(accident):
        write_half()
    assert path.read_text() == "precious"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_is_not_there_before_it_is_complete(tmp_path: Path, pixels: Array) -> None:
    path = tmp_path / "a.png"
    with create(path, pixels.shape) as put:
        put(pixels)
        assert not path.exists()
    np.testing.assert_array_equal(read(path).pixels, pixels)


@pytest.mark.parametrize(
    ("name", "cause"),
    [
        ("a.txt", "cannot write 'txt' images; choose from PNG, JPEG"),
        ("a", "cannot write '' images; choose from PNG, JPEG"),
        ("missing/a.png", "cannot be written: No such file or directory"),
        ("folder.png", "is not a file that could be replaced"),
    ],
)
def test_a_place_that_cannot_be_written_is_named(
    tmp_path: Path, pixels: Array, name: str, cause: str
) -> None:
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(CadyqError) as caught:
        write(tmp_path / name, Picture(pixels=pixels), overwrite=True)
    assert str(caught.value).startswith(f"{tmp_path / name}: {cause}")


def test_transparency_needs_a_format_that_has_it(tmp_path: Path, pixels: Array) -> None:
    picture = Picture(pixels=pixels, alpha=pixels[..., 0])
    with pytest.raises(
        ImageError, match=r"a\.jpg: JPEG cannot hold transparency; PNG, WebP, AVIF and TIFF can"
    ):
        write(tmp_path / "a.jpg", picture)
    assert not list(tmp_path.iterdir())
