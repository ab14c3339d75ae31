"""PNG files by their chunks: what each says, and what remains of a file with a bad one."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO

import numpy as np
import pytest

from cadyq_cli.errors import ImageError
from cadyq_cli.imaging.containers.png import take_apart
from cadyq_cli.imaging.containers.statements import Cicp, Statements
from cadyq_cli.imaging.decoding import decode

EXIF = b"II*\0\x08\0\0\0\0\0\0\0\0\0"
LEFT_OUT = "is damaged or too large and was left out"


def chunk(kind: bytes, data: bytes, checksum: int = 0) -> bytes:
    """A chunk whose checksum is wrong by so much."""
    right = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", right ^ checksum)


def png(
    *extra: bytes, depth: int = 8, colour_type: int = 2, line: bytes = b"\1\2\3\4\5\6"
) -> bytes:
    """A PNG of two pixels side by side in RGB, or of what the line holds."""
    head = struct.pack(">IIBBBBB", 2, 1, depth, colour_type, 0, 0, 0)
    data = chunk(b"IDAT", zlib.compress(b"\0" + line))
    return b"".join([b"\x89PNG\r\n\x1a\n", chunk(b"IHDR", head), *extra, data, chunk(b"IEND", b"")])


def stated(*extra: bytes) -> Statements:
    statements = take_apart(BytesIO(png(*extra))).statements
    assert statements is not None
    return statements


def test_chunks_say_what_the_specification_gives_them_to_say() -> None:
    found = stated(
        chunk(b"gAMA", struct.pack(">I", 45455)),
        chunk(b"cHRM", struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)),
        chunk(b"sRGB", b"\1"),
        chunk(b"cICP", b"\x09\x10\0\1"),
        chunk(b"pHYs", struct.pack(">IIB", 11811, 5906, 1)),
        chunk(b"eXIf", EXIF),
        chunk(b"tEXt", b"Title\0caf\xe9"),
        chunk(b"zTXt", b"Author\0\0" + zlib.compress(b"me")),
        chunk(b"iTXt", b"Comment\0\1\0de\0\0" + zlib.compress("漢字".encode())),
        chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0<x/>"),
    )
    assert found.gamma == pytest.approx(0.45455)
    assert found.chromaticities == pytest.approx((0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06))
    assert found.srgb == 1
    assert found.cicp == Cicp(9, 16, 0, True)
    assert found.dpi == pytest.approx((300, 150), abs=0.02)
    assert found.exif == EXIF
    assert found.text == {"Title": "café", "Author": "me", "Comment": "漢字"}
    assert found.xmp == b"<x/>"
    assert found.notes == ()


@pytest.mark.parametrize(
    ("bad", "what"),
    [
        (chunk(b"tEXt", b"Author\0me", 1), "a text"),
        (chunk(b"tEXt", b"no keyword"), "a text"),
        (chunk(b"zTXt", b"Author\0\0rubbish"), "its text 'Author'"),
        (chunk(b"iTXt", b"Author\0\0\0\0\0\xff\xff"), "its text 'Author'"),
        (chunk(b"iTXt", b"Author\0\0"), "its text 'Author'"),
        (chunk(b"zTXt", b"bomb\0\0" + zlib.compress(bytes(80_000_000))), "its text 'bomb'"),
        (chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0rubbish"), "its XMP"),
        (chunk(b"iCCP", b"x\0\0" + zlib.compress(b"no profile")), "its colour profile"),
        (chunk(b"iCCP", b"x"), "its colour profile"),
        (chunk(b"eXIf", b"rubbish"), "its EXIF"),
        (chunk(b"pHYs", b"\0\0\0"), "its resolution"),
        (chunk(b"gAMA", b"\0"), "its gamma"),
        (chunk(b"cHRM", b""), "its chromaticities"),
        (chunk(b"tRNS", b"\0"), "its transparency"),
        (chunk(b"tRNS", bytes(6), 1), "its transparency"),
        (chunk(b"tEXt", b"Raw profile type exif\0\nexif\n 3\n4578696\n"), "its EXIF"),
        (chunk(b"tEXt", b"Raw profile type exif\0\nexif\n 10\nno digits\n"), "its EXIF"),
        (chunk(b"zTXt", b"Raw profile type xmp\0\0rubbish"), "its XMP"),
        (chunk(b"tEXt", b"Raw profile type iptc\0\niptc\n 40\n00\n"), "its IPTC"),
        (struct.pack(">I", 3) + chunk(b"tEXt", b"Author\0me")[4:], "a text"),
        (struct.pack(">I", 1 << 30) + chunk(b"eXIf", EXIF)[4:], "its EXIF"),
    ],
)
def test_a_bad_chunk_is_left_out_and_the_picture_is_read(bad: bytes, what: str) -> None:
    picture = decode(BytesIO(png(bad)), "a.png")
    assert picture.pixels.tolist() == [[[1, 2, 3], [4, 5, 6]]]
    assert picture.alpha is None
    assert picture.notes == (f"{what} {LEFT_OUT}",)


@pytest.mark.parametrize(
    ("kind", "data", "field", "value"),
    [
        (b"exif", b"Exif\0\0" + EXIF, "exif", EXIF),
        (b"APP1", b"Exif\0\0" + EXIF, "exif", EXIF),
        (b"APP1", b"http://ns.adobe.com/xap/1.0/\0<x/>", "xmp", b"<x/>"),
        (b"xmp", b"<x/>", "xmp", b"<x/>"),
        (b"iptc", b"8BIM\x04\x04\0\0\0\0\0\5\x1c\x02\x05\0\0\0", "iptc", b"\x1c\x02\x05\0\0"),
        (b"8bim", b"8BIM\x04\x04\0\0\0\0\0\5\x1c\x02\x05\0\0\0", "iptc", b"\x1c\x02\x05\0\0"),
    ],
)
@pytest.mark.parametrize("compressed", [False, True])
def test_raw_profiles_of_image_magick_are_unwrapped(
    kind: bytes, data: bytes, field: str, value: bytes, compressed: bool
) -> None:
    text = b"\n%s\n%8d\n%s\n" % (kind, len(data), data.hex().encode())
    name = b"Raw profile type %s\0" % kind
    extra = chunk(b"zTXt", name + b"\0" + zlib.compress(text)) if compressed else None
    assert getattr(stated(extra or chunk(b"tEXt", name + text)), field) == value


@pytest.mark.parametrize(
    ("depth", "line"), [(1, b"\x40"), (2, b"\x30"), (4, b"\x0f"), (8, b"\0\xff")]
)
def test_the_gray_level_that_trns_names_is_transparent(depth: int, line: bytes) -> None:
    level = chunk(b"tRNS", struct.pack(">H", 2**depth - 1))
    picture = decode(BytesIO(png(level, depth=depth, colour_type=0, line=line)), "a.png")
    np.testing.assert_array_equal(picture.alpha, [[255, 0]])
    assert picture.pixels[0, :, 0].tolist() == [0, 255]


def test_of_gray_levels_between_only_the_named_one_is_transparent() -> None:
    level = chunk(b"tRNS", struct.pack(">H", 6))
    picture = decode(BytesIO(png(level, depth=4, colour_type=0, line=b"\x67")), "a.png")
    np.testing.assert_array_equal(picture.alpha, [[0, 255]])
    assert picture.pixels[0, :, 0].tolist() == [102, 119]


def test_a_file_without_its_end_is_whole_if_its_pixels_are() -> None:
    data = png(chunk(b"tEXt", b"Author\0me"))[:-12]
    assert decode(BytesIO(data), "a.png").pixels.tolist() == [[[1, 2, 3], [4, 5, 6]]]


def test_pixels_that_are_cut_off_are_told() -> None:
    with pytest.raises(ImageError, match="image file is truncated"):
        decode(BytesIO(png(chunk(b"tEXt", b"Author\0me"))[:-25]), "a.png")
