"""Every kind of picture in every format: what it can hold comes back, the rest is refused."""

from __future__ import annotations

import errno
import io
import tracemalloc
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from cadyq_cli.errors import ImageError, InputError
from cadyq_cli.imaging.files import create, encode, read, write
from cadyq_cli.imaging.formats import FORMATS, format_named, format_of
from cadyq_cli.imaging.kinds import KINDS, can_be_read
from cadyq_cli.imaging.picture import Picture

Array = NDArray[Any]

LOSSLESS = [".png", ".tif", ".webp", ".bmp"]


def picture(rng: np.random.Generator, channels: int, dtype: type) -> Picture:
    """Noise, in which nothing is alike by chance."""
    white = np.iinfo(dtype).max
    pixels = rng.integers(0, white + 1, (37, 52, 4), dtype=dtype)
    colour = pixels[..., :1].repeat(3, axis=2) if channels < 3 else pixels[..., :3]
    alpha = pixels[..., 3] if channels in (2, 4) else None
    return Picture(pixels=colour, alpha=alpha, gray=channels < 3)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("suffix", LOSSLESS)
def test_lossless_formats_hold_what_they_are_given(
    tmp_path: Path, rng: np.random.Generator, suffix: str, channels: int, dtype: type
) -> None:
    path, before = tmp_path / f"a{suffix}", picture(rng, channels, dtype)
    if suffix == ".bmp" and before.alpha is not None:
        with pytest.raises(ImageError, match="BMP cannot hold transparency"):
            write(path, before)
        return
    write(path, before)
    after = read(path)
    if dtype == np.uint16 and suffix not in (".png", ".tif"):
        expected = np.rint(before.pixels / 257).astype(np.uint8)
    else:
        expected = before.pixels
    np.testing.assert_array_equal(after.pixels, expected)
    assert after.gray == before.gray
    assert (after.alpha is None) == (before.alpha is None)


@pytest.mark.parametrize("suffix", [".webp", ".avif"])
def test_an_opaque_alpha_stays_opaque(
    tmp_path: Path, rng: np.random.Generator, suffix: str
) -> None:
    pixels = picture(rng, 3, np.uint8).pixels
    opaque = np.full(pixels.shape[:2], 255, np.uint8)
    write(tmp_path / f"a{suffix}", Picture(pixels=pixels, alpha=opaque), quality=50)
    with Image.open(tmp_path / f"a{suffix}") as image:
        assert set(image.convert("RGBA").getchannel("A").tobytes()) == {255}


@pytest.mark.parametrize("suffix", [".jpg", ".webp", ".avif"])
def test_quality_trades_size_for_likeness(
    tmp_path: Path, rng: np.random.Generator, suffix: str
) -> None:
    blurred = Image.fromarray(picture(rng, 3, np.uint8).pixels).resize((200, 150))
    pixels = np.asarray(blurred)
    sizes, errors = [], []
    for quality in (20, 60, 95, None):
        path = tmp_path / f"{quality}{suffix}"
        write(path, Picture(pixels=pixels), quality=quality)
        sizes.append(path.stat().st_size)
        errors.append(np.abs(read(path).pixels.astype(int) - pixels).mean())
    assert sizes == sorted(sizes)
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 2


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("batch", [1, 7, 400])
def test_rows_may_come_in_any_number(
    tmp_path: Path, rng: np.random.Generator, suffix: str, batch: int
) -> None:
    rows = rng.integers(0, 256, (400, 1000, 3), dtype=np.uint8)  # more than one strip
    with create(tmp_path / f"a{suffix}", rows.shape) as put:
        for start in range(0, len(rows), batch):
            put(rows[start : start + batch])
    with Image.open(tmp_path / f"a{suffix}") as image:
        np.testing.assert_array_equal(np.asarray(image), rows)


@pytest.mark.parametrize("content", ["flat", "ramp", "noise"])
def test_png_holds_any_content_as_small_as_pillow_makes_it(
    tmp_path: Path, rng: np.random.Generator, content: str
) -> None:
    pixels: Array = np.zeros((300, 1000, 3), np.uint8)
    if content == "ramp":
        pixels += np.arange(1000, dtype=np.uint16).astype(np.uint8)[:, None]
        pixels += np.arange(300, dtype=np.uint16).astype(np.uint8)[:, None, None]
    if content == "noise":
        pixels = rng.integers(0, 256, pixels.shape, dtype=np.uint8)
    write(tmp_path / "ours.png", Picture(pixels=pixels))
    Image.fromarray(pixels).save(tmp_path / "pillow.png")
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "ours.png")), pixels)
    ours, pillow = ((tmp_path / f"{name}.png").stat().st_size for name in ("ours", "pillow"))
    assert ours <= 1.05 * pillow + 2000


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_memory_does_not_grow_with_the_height(tmp_path: Path, suffix: str) -> None:
    strip: Array = np.zeros((64, 1000, 3), np.uint8)

    def peak(height: int) -> int:
        path = tmp_path / f"{height}{suffix}"
        tracemalloc.start()
        with create(path, (height, 1000, 3)) as put:
            for _ in range(height // len(strip)):
                put(strip)
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return used

    assert peak(64 * 64) < 1.2 * peak(64 * 16)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg"])
@pytest.mark.parametrize("rows", [3, 5])
def test_a_wrong_number_of_rows_is_refused(tmp_path: Path, suffix: str, rows: int) -> None:
    def write_rows() -> None:
        with create(tmp_path / f"a{suffix}", (4, 5, 3)) as put:
            put(np.zeros((rows, 5, 3), np.uint8))

    with pytest.raises(ValueError, match="rows"):
        write_rows()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "shape", "cause"),
    [
        ("a.jpg", (1, 70_000, 3), "JPEG cannot hold 70000x1 px; at most 65500 a side"),
        ("a.webp", (20_000, 1, 3), "WebP cannot hold 1x20000 px; at most 16383 a side"),
        ("a.tif", (60_000, 60_000, 3), "TIFF cannot hold 60000x60000 px; at most 4 GB; PNG can"),
        (
            "a.bmp",
            (40_000, 40_000, 3),
            "BMP cannot hold 40000x40000 px; at most 4 GB; PNG and JPEG can",
        ),
        ("a.bmp", (2**30, 1, 3), "BMP cannot hold 1x1073741824 px; at most 4 GB"),  # 4 bytes a row
        ("a.avif", (4, 34_000, 3), "at most 32768 a side; PNG, JPEG, TIFF and BMP can"),
        ("a.avif", (20_000, 20_000, 4), "at most 268435456 in all; PNG and TIFF can"),
        ("a.png", (1, 1_000_001, 2), "at most 1000000 a side; TIFF can"),
        ("a.jpg", (2**31, 1, 3), "at most 65500 a side; no format can; choose a smaller size"),
    ],
)
def test_what_a_format_cannot_hold_is_refused_before_the_work(
    tmp_path: Path, name: str, shape: tuple[int, int, int], cause: str
) -> None:
    with pytest.raises(ImageError, match=cause), create(tmp_path / name, shape):
        pass
    assert not list(tmp_path.iterdir())


def test_formats_are_known_by_name_and_suffix() -> None:
    written = [kind for kind in KINDS if kind.writes]
    assert [kind.name for kind in written] == [each.name for each in FORMATS]
    for kind, each in zip(written, FORMATS, strict=True):
        if not kind.is_at_hand:
            continue
        assert format_named(kind.name.upper()) is each
        for suffix in kind.suffixes:
            assert format_of(Path(f"photo{suffix.upper()}")) is each
    with pytest.raises(InputError, match="cannot write 'gif' images; choose from PNG, JPEG"):
        format_named("gif")


@pytest.mark.parametrize(
    "suffix", [s for kind in KINDS if kind.writes and kind.is_at_hand for s in kind.suffixes]
)
def test_what_is_written_can_be_read(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"photo{suffix}"
    pixels = np.full((8, 6, 3), (200, 100, 50), np.uint8)
    write(path, Picture(pixels=pixels))
    assert can_be_read(path)
    assert np.abs(read(path).pixels.astype(int) - pixels).max() <= 2


def test_a_picture_can_go_to_an_open_file(tmp_path: Path) -> None:
    pixels = np.arange(60, dtype=np.uint8).reshape(4, 5, 3)
    png = format_named("png")
    with (tmp_path / "a").open("wb") as file, encode(file, png, (4, 5, 3), name="stdout") as put:
        put(pixels)
    np.testing.assert_array_equal(read(tmp_path / "a").pixels, pixels)


class FullDisk(io.RawIOBase):
    """A file on a disk without space."""

    def writable(self) -> bool:
        return True

    def write(self, _: Any) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("name", ["png", "jpg", "webp", "tiff", "bmp", "avif"])
def test_a_full_disk_is_named(name: str) -> None:
    def write_all() -> None:
        file = cast("BinaryIO", FullDisk())
        with encode(file, format_named(name), (1, 1, 3), name="out") as put:
            put(np.zeros((1, 1, 3), np.uint8))

    with pytest.raises(ImageError, match="out: cannot be written: No space left on device"):
        write_all()
