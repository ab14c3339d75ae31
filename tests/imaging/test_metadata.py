"""What a file says survives, and stays true for the larger, upright picture."""

from __future__ import annotations

import struct
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image, ImageCms
from PIL.ExifTags import GPS, IFD, Base
from PIL.PngImagePlugin import PngInfo

from cadyq_cli.imaging.exif import extracted
from cadyq_cli.imaging.files import create, read, write
from cadyq_cli.imaging.metadata import Metadata
from cadyq_cli.imaging.picture import Picture

Array = NDArray[Any]

PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
MAKER_NOTE = b"numbers that count bytes from the start of the file"
XMP = (
    b"<?xpacket begin='' id='W5M0MpCehiHzreSzNTczkc9d'?><x:xmpmeta xmlns:x='adobe:ns:meta/'>"
    b'<rdf:Description tiff:Orientation="6" dc:title="t"/></x:xmpmeta><?xpacket end=\'w\'?>'
)
FORMATS = [".png", ".jpg", ".webp", ".tif", ".avif"]


def camera(endian: str = "<") -> Image.Exif:
    """What a camera held sideways says."""
    exif = Image.Exif()
    exif.endian = endian
    exif[Base.Make] = "Camera"
    exif[Base.Orientation] = 6
    exif[Base.ImageWidth], exif[Base.ImageLength] = 20, 12
    details = exif.get_ifd(IFD.Exif)
    details[Base.ExifImageWidth], details[Base.ExifImageHeight] = 20, 12
    details[Base.FNumber] = 2.8
    details[Base.MakerNote] = MAKER_NOTE
    exif.get_ifd(IFD.GPSInfo)[GPS.GPSLatitude] = (48.0, 51.0, 29.6)
    stored = Image.Exif()  # as read from a file, else Pillow leaves the details out of a TIFF
    stored.load(exif.tobytes())
    return stored


def photograph(path: Path, endian: str = "<") -> Array:
    """A photograph with everything that its format can say about it; returns what it shows."""
    pixels: Array = np.zeros((12, 20, 3), np.uint8)
    pixels[:, :10, 0] = 255
    options: dict[str, Any] = {
        "exif": camera(endian),
        "icc_profile": PROFILE,
        "dpi": (300, 300),
        "xmp": XMP,
    }
    if path.suffix == ".png":
        options["pnginfo"] = info = PngInfo()
        info.add_text("Title", "plain")
        info.add_itxt("Author", "Zoë 漢字")
        info.add_itxt("XML:com.adobe.xmp", XMP.decode())
    if path.suffix == ".tif":
        options["exif"][Base.XMLPacket] = XMP
    if path.suffix == ".jpg":
        options["comment"] = "Zoë 漢字"
    Image.fromarray(pixels).save(path, **options)
    return np.rot90(pixels, -1)


def enlarged(picture: Picture, target: Path, scale: int = 4) -> Image.Image:
    """The picture with each pixel repeated, written by us, opened by Pillow."""
    pixels = picture.pixels.repeat(scale, axis=0).repeat(scale, axis=1)
    write(target, Picture(pixels=pixels, metadata=picture.metadata))
    return Image.open(target)


@pytest.mark.parametrize("endian", ["<", ">"])
@pytest.mark.parametrize("target", FORMATS)
@pytest.mark.parametrize("source", FORMATS)
def test_a_photograph_keeps_what_it_says(
    tmp_path: Path, source: str, target: str, endian: str
) -> None:
    shown = photograph(tmp_path / f"in{source}", endian)
    picture = read(tmp_path / f"in{source}")
    assert np.abs(picture.pixels.astype(int) - shown).mean() < 6
    with enlarged(picture, tmp_path / f"out{target}") as image:
        assert image.size == (12 * 4, 20 * 4)
        exif = image.getexif()
        details = exif.get_ifd(IFD.Exif)
        assert exif.get(Base.Orientation, 1) == 1
        assert exif[Base.Make] == "Camera"
        assert details[Base.MakerNote] == MAKER_NOTE
        assert float(details[Base.FNumber]) == pytest.approx(2.8)
        assert exif.get_ifd(IFD.GPSInfo)[GPS.GPSLatitude] == (48, 51, pytest.approx(29.6))
        assert (details[Base.ExifImageWidth], details[Base.ExifImageHeight]) == (48, 80)
        assert exif.get(Base.ImageWidth, 48) == 48
        assert exif.get(Base.ImageLength, 80) == 80
        assert image.info["icc_profile"] == PROFILE
        image.load()
        assert b'dc:title="t"' in image.info["xmp"]
        assert b'Orientation="6"' not in image.info["xmp"]


def test_a_maker_note_survives_a_tiff_between(tmp_path: Path) -> None:
    photograph(tmp_path / "in.jpg")
    enlarged(read(tmp_path / "in.jpg"), tmp_path / "between.tif").close()
    with enlarged(read(tmp_path / "between.tif"), tmp_path / "out.jpg") as image:
        details = image.getexif().get_ifd(IFD.Exif)
        assert details[Base.MakerNote] == MAKER_NOTE


def test_entries_that_all_point_to_a_whole_tiff_are_not_collected() -> None:
    entries, padding = 1000, 1 << 20
    repeated = struct.pack("<HHII", Base.Artist, 2, padding, 0) * entries
    head = b"II*\0" + struct.pack("<IH", 8, entries)
    file = BytesIO(head + repeated + bytes(4 + padding))
    assert extracted(file, {Base.Artist}) is None  # or else a gigabyte


@pytest.mark.parametrize("target", FORMATS)
@pytest.mark.parametrize("source", [".jpg", ".tif"])
def test_text_that_is_not_ascii_is_kept_byte_by_byte(
    tmp_path: Path, source: str, target: str
) -> None:
    author = "© Zoë".encode()
    if source == ".tif":
        artist = (Base.Artist, 2, len(author) + 1, author + b"\0", True)
        tifffile.imwrite(tmp_path / "in.tif", np.zeros((4, 4), np.uint8), extratags=[artist])
    else:
        exif = camera()
        exif[Base.Artist] = author
        Image.new("RGB", (4, 4)).save(tmp_path / "in.jpg", exif=exif)
    with enlarged(read(tmp_path / f"in{source}"), tmp_path / f"out{target}") as image:
        assert image.getexif()[Base.Artist].encode("latin-1") == author


@pytest.mark.parametrize("target", [".png", ".jpg", ".tif", ".bmp"])
@pytest.mark.parametrize("source", [".png", ".jpg", ".tif", ".bmp"])
def test_resolution_is_kept_where_a_format_has_it(tmp_path: Path, source: str, target: str) -> None:
    Image.new("RGB", (5, 5)).save(tmp_path / f"in{source}", dpi=(150, 300))
    with enlarged(read(tmp_path / f"in{source}"), tmp_path / f"out{target}") as image:
        assert image.info["dpi"] == (pytest.approx(150, abs=0.1), pytest.approx(300, abs=0.1))


def test_text_is_kept(tmp_path: Path) -> None:
    photograph(tmp_path / "in.png")
    with enlarged(read(tmp_path / "in.png"), tmp_path / "out.png") as image:
        assert isinstance(image.text, dict)
        text = {key: str(value) for key, value in image.text.items()}
    assert text["Title"] == "plain"
    assert text["Author"] == "Zoë 漢字"


@pytest.mark.parametrize("target", [".jpg", ".png"])
def test_a_comment_is_kept(tmp_path: Path, target: str) -> None:
    photograph(tmp_path / "in.jpg")
    with enlarged(read(tmp_path / "in.jpg"), tmp_path / f"out{target}") as image:
        image.load()
        comment = image.info["Comment" if target == ".png" else "comment"]
    assert (comment.decode() if isinstance(comment, bytes) else comment) == "Zoë 漢字"


def test_exif_changes_only_where_it_must() -> None:
    before = camera().tobytes().removeprefix(b"Exif\0\0")
    after = Metadata(exif=before).upright().sized(48, 80).exif
    assert after is not None
    assert len(after) == len(before)
    assert after[after.index(b"numbers") :] == before[before.index(b"numbers") :]
    assert after.index(b"numbers") == before.index(b"numbers")


def test_sizes_beyond_16_bits_fit() -> None:
    exif = Metadata(exif=camera(">").tobytes().removeprefix(b"Exif\0\0")).sized(70_000, 80_000).exif
    assert exif is not None
    again = Image.Exif()
    again.load(exif)
    assert again.get_ifd(IFD.Exif)[Base.ExifImageWidth] == 70_000
    assert again[Base.ImageLength] == 80_000


def test_a_thumbnail_of_what_was_is_dropped() -> None:
    exif = camera().tobytes().removeprefix(b"Exif\0\0")
    entries = int.from_bytes(exif[8:10], "little")
    link = 10 + 12 * entries
    thumbnail = b"\1\0" + b"\3\1\3\0\1\0\0\0\6\0\0\0" + bytes(4)
    exif = exif[:link] + len(exif).to_bytes(4, "little") + exif[link + 4 :] + thumbnail
    loaded = Image.Exif()
    loaded.load(exif)
    assert loaded.get_ifd(IFD.IFD1)
    kept = Metadata(exif=exif).upright().exif
    assert kept is not None
    loaded.load(kept)
    assert not loaded.get_ifd(IFD.IFD1)


@pytest.mark.parametrize("exif", [b"rubbish", b"II*\0\xff\xff\xff\xff", b"MM\0*\0\0\0\x08\xff\xff"])
def test_broken_exif_is_dropped_and_the_picture_kept(tmp_path: Path, exif: bytes) -> None:
    Image.new("RGB", (5, 5), "red").save(tmp_path / "a.png", exif=exif)
    picture = read(tmp_path / "a.png")
    assert picture.metadata.exif is None
    assert picture.pixels[0, 0].tolist() == [255, 0, 0]


def test_exif_too_long_for_jpeg_does_not_lose_the_picture(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[Base.ImageDescription] = "x" * 70_000
    metadata = Metadata(exif=exif.tobytes().removeprefix(b"Exif\0\0"), icc=PROFILE)
    with create(tmp_path / "a.jpg", (5, 5, 3), metadata=metadata) as put:
        put(np.zeros((5, 5, 3), np.uint8))
    assert read(tmp_path / "a.jpg").metadata.icc == PROFILE


def test_a_profile_of_other_colours_is_dropped(tmp_path: Path) -> None:
    Image.new("L", (5, 5)).save(tmp_path / "a.png", icc_profile=PROFILE)
    picture = read(tmp_path / "a.png")
    assert picture.gray
    assert picture.metadata.icc is None


def test_xmp_that_stands_in_exif_alone_is_used_as_xmp(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[Base.XMLPacket], exif[Base.Make] = XMP, "Camera"
    Image.new("RGB", (20, 12)).save(tmp_path / "a.jpg", exif=exif)
    picture = read(tmp_path / "a.jpg")
    assert picture.pixels.shape == (20, 12, 3)  # by its orientation
    with enlarged(picture, tmp_path / "out.jpg") as image:
        assert b'dc:title="t"' in image.info["xmp"]
        assert Base.XMLPacket not in image.getexif()
