"""What a file states of its colours survives in every format that can say it, or is told of."""

from __future__ import annotations

import io
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms, TiffImagePlugin
from PIL.PngImagePlugin import PngInfo

from cadyq_cli.imaging.colour_spaces.curves import power
from cadyq_cli.imaging.colour_spaces.profiles import for_equal_channels, profile
from cadyq_cli.imaging.containers.heif import take_apart
from cadyq_cli.imaging.containers.statements import Cicp, Statements
from cadyq_cli.imaging.files import read, write
from cadyq_cli.imaging.picture import Picture

P3 = struct.pack(">8I", 31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000)
COLOUR = (200, 100, 50)
PROFILE_OF_RGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def png(path: Path, *chunks: tuple[bytes, bytes], mode: str = "RGB") -> Path:
    info = PngInfo()
    for kind, data in chunks:
        info.add(kind, data)
    Image.new("RGB", (4, 4), COLOUR).convert(mode).save(path, pnginfo=info)
    return path


def avif(path: Path, primaries: int, transfer: int, **options: Any) -> Path:
    file = io.BytesIO()
    Image.new("RGB", (4, 4), COLOUR).save(file, "AVIF", quality=100, subsampling="4:4:4", **options)
    data = bytearray(file.getvalue())
    struct.pack_into(">HH", data, data.index(b"colrnclx") + 8, primaries, transfer)
    path.write_bytes(data)
    return path


def shown(path: Path) -> tuple[int, ...]:
    """The colour of a file as a program shows it that knows profiles."""
    with Image.open(path) as image:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(image.info["icc_profile"]))
        result = ImageCms.profileToProfile(
            image.convert("L" if len(image.getbands()) == 1 else "RGB"),
            profile,
            ImageCms.createProfile("sRGB"),
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            outputMode="RGB",
        )
    assert result is not None
    found = result.getpixel((0, 0))
    assert isinstance(found, tuple)
    return found


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "avif", "tif"])
@pytest.mark.parametrize(
    ("chunks", "expected"),
    [
        # by the formula of IEC 61966-2-1
        ([(b"gAMA", struct.pack(">I", 100000))], (229, 168, 122)),
        # by CSS Color 4: color(display-p3 0.784 0.392 0.196)
        ([(b"cHRM", P3)], (215, 93, 31)),
        ([(b"cICP", bytes([12, 13, 0, 1]))], (215, 93, 31)),
    ],
)
def test_every_format_with_profiles_shows_what_png_stated(
    tmp_path: Path, suffix: str, chunks: list[tuple[bytes, bytes]], expected: tuple[int, ...]
) -> None:
    picture = read(png(tmp_path / "a.png", *chunks))
    write(tmp_path / f"out.{suffix}", picture)
    assert picture.notes == ()
    np.testing.assert_allclose(shown(tmp_path / f"out.{suffix}"), expected, atol=3)


def test_gray_is_shown_by_its_gamma(tmp_path: Path) -> None:
    path = png(tmp_path / "a.png", (b"gAMA", struct.pack(">I", 100000)), mode="L")
    level = Image.open(path).getpixel((0, 0))
    assert isinstance(level, int)
    write(tmp_path / "out.jpg", read(path))
    expected = round(255 * (1.055 * (level / 255) ** (1 / 2.4) - 0.055))
    with Image.open(tmp_path / "out.jpg") as image:
        assert image.mode == "L"
    np.testing.assert_allclose(shown(tmp_path / "out.jpg"), [expected] * 3, atol=2)


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif", "avif"])
def test_srgb_stays_without_a_profile(tmp_path: Path, suffix: str) -> None:
    chunks = [(b"sRGB", b"\0"), (b"gAMA", struct.pack(">I", 45455))]
    write(tmp_path / f"out.{suffix}", read(png(tmp_path / "a.png", *chunks)))
    with Image.open(tmp_path / f"out.{suffix}") as image:
        assert "icc_profile" not in image.info


@pytest.mark.parametrize("points", [(9, 16), (9, 18), (12, 13), (1, 1), (200, 200)])
@pytest.mark.parametrize("source", ["a.png", "a.avif"])
def test_png_and_avif_keep_code_points(
    tmp_path: Path, points: tuple[int, int], source: str
) -> None:
    if source == "a.png":
        path = png(tmp_path / source, (b"cICP", bytes([*points, 0, 1])))
    else:
        path = avif(tmp_path / source, *points)
    picture = read(path)
    write(tmp_path / "out.png", picture)
    assert b"cICP" + bytes([*points, 0, 1]) in (tmp_path / "out.png").read_bytes()
    write(tmp_path / "out.avif", picture)
    assert b"colrnclx" + struct.pack(">HH", *points) in (tmp_path / "out.avif").read_bytes()
    with Image.open(tmp_path / "out.avif") as image:
        image.load()


def test_in_avif_a_profile_beats_code_points(tmp_path: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    picture = read(avif(tmp_path / "a.avif", 9, 16, icc_profile=profile))
    assert (picture.metadata.icc, picture.metadata.cicp) == (profile, None)


def test_more_than_8_bits_of_avif_are_told_of(tmp_path: Path) -> None:
    data = bytearray(avif(tmp_path / "a.avif", 1, 13).read_bytes())
    assert take_apart(io.BytesIO(data)).statements == Statements(cicp=Cicp(1, 13, 6, True))
    data[data.index(b"av1C") + 6] |= 0x40  # high bit depth
    statements = take_apart(io.BytesIO(data)).statements
    assert statements is not None
    assert statements.notes == ("has 10 bits a channel, of which 8 are read",)


def test_chromaticities_of_tiff_are_kept(tmp_path: Path) -> None:
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[318], tags[319] = (0.3127, 0.329), (0.68, 0.32, 0.265, 0.69, 0.15, 0.06)
    for tag in (318, 319):
        tags.tagtype[tag] = 5
    Image.new("RGB", (4, 4), COLOUR).save(tmp_path / "a.tif", tiffinfo=tags)
    write(tmp_path / "out.png", read(tmp_path / "a.tif"))
    np.testing.assert_allclose(shown(tmp_path / "out.png"), (215, 93, 31), atol=1)


def test_a_profile_of_colours_in_a_gray_file_is_told_of(tmp_path: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.new("L", (4, 4), 80).save(tmp_path / "a.jpg", icc_profile=profile)
    picture = read(tmp_path / "a.jpg")
    assert picture.notes == ("has a colour profile for other pixels, which is left out",)
    assert picture.metadata.icc is None


@pytest.mark.parametrize("quality", [None, 90])
def test_webp_keeps_what_does_not_show(tmp_path: Path, quality: int | None) -> None:
    pixels = np.full((16, 16, 3), (200, 40, 40), np.uint8)
    alpha = np.zeros((16, 16), np.uint8)
    write(tmp_path / "a.webp", Picture(pixels=pixels, alpha=alpha), quality=quality)
    with Image.open(tmp_path / "a.webp") as image:
        np.testing.assert_allclose(np.asarray(image)[..., :3], pixels, atol=8)


def box(kind: bytes, *parts: bytes) -> bytes:
    data = b"".join(parts)
    return struct.pack(">I", 8 + len(data)) + kind + data


def test_a_grid_has_the_bits_of_its_tiles_and_code_points_of_its_own() -> None:
    """By hand: item 7 is the picture, made of tiles (1), which are 12 bits deep."""
    nclx = [
        b"nclx" + struct.pack(">HHHB", points, 13, 0, flag) for points, flag in ((1, 0), (9, 128))
    ]
    properties = box(b"av1C", b"\x81\x00\x60\x00"), *(box(b"colr", each) for each in nclx)
    used = struct.pack(">HBBB", 1, 2, 0x81, 2) + struct.pack(">HBB", 7, 1, 0x83)
    file = box(b"ftyp", b"avif") + box(
        b"meta",
        bytes(4),
        box(b"pitm", bytes(4), struct.pack(">H", 7)),
        box(b"iprp", box(b"ipco", *properties), box(b"ipma", bytes(4), struct.pack(">I", 2), used)),
    )
    statements = take_apart(io.BytesIO(file)).statements
    assert statements is not None
    assert statements.cicp == Cicp(9, 13, 0, True)
    assert statements.notes == ("has 12 bits a channel, of which 8 are read",)


@pytest.mark.parametrize("suffix", ["webp", "avif"])
def test_gray_that_becomes_rgb_is_shown_by_the_curve_of_its_profile(
    tmp_path: Path, suffix: str
) -> None:
    path = png(tmp_path / "a.png", (b"gAMA", struct.pack(">I", 100000)), mode="L")
    write(tmp_path / "again.png", read(path))
    write(tmp_path / f"out.{suffix}", read(path))
    np.testing.assert_allclose(
        shown(tmp_path / f"out.{suffix}"), shown(tmp_path / "again.png"), atol=2
    )


def test_gray_of_16_bits_with_alpha_keeps_the_curve_of_its_profile_in_tiff(tmp_path: Path) -> None:
    gray = read(png(tmp_path / "a.png", (b"gAMA", struct.pack(">I", 100000)), mode="L"))
    write(tmp_path / "gray.tif", gray)
    wide = gray.pixels.astype(np.uint16) * 257
    write(tmp_path / "out.tif", replace(gray, pixels=wide, alpha=np.full_like(wide[..., 0], 65535)))
    np.testing.assert_allclose(shown(tmp_path / "out.tif"), shown(tmp_path / "gray.tif"), atol=1)


def test_a_gray_profile_without_a_curve_is_left_out_of_what_becomes_rgb() -> None:
    gray = profile("Gray", power(1.8))
    assert for_equal_channels(gray.replace(b"kTRC", b"xTRC")) is None
    assert for_equal_channels(gray.replace(b"XYZ ", b"Lab ")) is None
    assert for_equal_channels(PROFILE_OF_RGB) == PROFILE_OF_RGB
