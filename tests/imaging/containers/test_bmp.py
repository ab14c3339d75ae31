"""BMP pixels packed by masks show the levels that their bits stand for."""

from __future__ import annotations

import struct
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from cadyq_cli.errors import ImageError
from cadyq_cli.imaging.decoding import decode


def bmp(numbers: list[list[int]], bits: int, masks: tuple[int, ...] = (), size: int = 40) -> bytes:
    """A BMP whose rows of numbers come from the top."""
    width, height = len(numbers[0]), len(numbers)
    rows = [struct.pack(f"<{width}{'H' if bits == 16 else 'I'}", *row) for row in numbers[::-1]]
    data = b"".join(row.ljust(-(-len(row) // 4) * 4, b"\0") for row in rows)
    if size == 12:
        header = struct.pack("<IHHHH", 12, width, height, 1, bits)
    else:
        compression = 6 if len(masks) == 4 and size == 40 else 3 if masks else 0
        resolution = (5906, 11811)  # pixels a metre
        header = struct.pack("<IiiHHII", size, width, height, 1, bits, compression, len(data))
        header += struct.pack("<4I", *resolution, 0, 0) + struct.pack(f"<{len(masks)}I", *masks)
        header = header.ljust(size, b"\0")
    place = 14 + len(header)
    return b"BM" + struct.pack("<IHHI", place + len(data), 0, 0, place) + header + data


@pytest.mark.parametrize(
    ("bits", "masks", "size", "number", "colour", "alpha"),
    [
        (16, (0xF800, 0x7E0, 0x1F), 40, 31 << 11 | 32 << 5 | 16, (255, 130, 132), None),
        (16, (), 40, 31 << 10 | 16 << 5 | 1, (255, 132, 8), None),
        (16, (), 12, 31 << 10 | 16 << 5 | 1, (255, 132, 8), None),
        (16, (0xF00, 0xF0, 0xF, 0xF000), 56, 0x8F07, (255, 0, 119), 136),
        (16, (0xF00, 0xF0, 0xF, 0xF000), 40, 0x8F07, (255, 0, 119), 136),
        (16, (0x7C00, 0x3E0, 0x1F, 0x8000), 108, 0x8000 | 31, (0, 0, 255), 255),
        (16, (0xE0, 0x1C, 0x3), 52, 0xE0 | 2, (255, 0, 170), None),
        (32, (0xFF, 0xFF00, 0xFF0000), 40, 0x030201, (1, 2, 3), None),
        (32, (0xFF00, 0xFF0000, 0xFF000000, 0xFF), 124, 0x03020180, (1, 2, 3), 128),
        (32, (), 40, 0xAA010203, (1, 2, 3), None),
    ],
)
def test_packed_channels_are_stretched_to_white(
    bits: int,
    masks: tuple[int, ...],
    size: int,
    number: int,
    colour: tuple[int, ...],
    alpha: int | None,
) -> None:
    picture = decode(BytesIO(bmp([[0, number, 0], [0, 0, 0]], bits, masks, size)), "a.bmp")
    assert picture.pixels.dtype == np.uint8
    assert picture.pixels[0, 1].tolist() == list(colour)
    assert picture.pixels[1].tolist() == [[0, 0, 0]] * 3
    assert (None if picture.alpha is None else picture.alpha[0, 1]) == alpha
    if size > 12:
        assert picture.metadata.dpi == pytest.approx((150, 300), abs=0.02)


def test_channels_of_ten_bits_are_kept_in_sixteen() -> None:
    masks = (0x3FF00000, 0xFFC00, 0x3FF, 0xC0000000)
    picture = decode(BytesIO(bmp([[0xC0000000 | 1023 << 20 | 512 << 10]], 32, masks, 108)), "a.bmp")
    assert picture.pixels.tolist() == [[[65535, round(512 * 65535 / 1023), 0]]]
    assert picture.alpha is not None
    assert picture.alpha.tolist() == [[65535]]


def test_the_first_row_is_on_top_if_the_height_is_negative() -> None:
    data = bytearray(bmp([[0x1F], [0]], 16))
    data[22:26] = struct.pack("<i", -2)
    assert decode(BytesIO(bytes(data)), "a.bmp").pixels[:, 0, 2].tolist() == [0, 255]


def test_an_alpha_of_zeros_is_no_alpha() -> None:
    data = bmp([[0x0F00, 0x0F0F]], 16, (0xF00, 0xF0, 0xF, 0xF000), 56)
    picture = decode(BytesIO(data), "a.bmp")
    assert picture.alpha is None
    assert picture.notes == ("has an alpha channel of zeros, which is left out",)


def test_packed_pixels_that_are_cut_off_are_told() -> None:
    with pytest.raises(ImageError, match="image file is truncated"):
        decode(BytesIO(bmp([[1, 2], [3, 4]], 16)[:-1]), "a.bmp")


def test_packed_pixels_beyond_the_limit_are_not_read() -> None:
    with pytest.raises(ImageError, match="is too large, 3x2 px"):
        decode(BytesIO(bmp([[1, 2, 3]] * 2, 16)), "a.bmp", max_pixels=5)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB"])
def test_pixels_that_are_not_packed_are_read_too(mode: str) -> None:
    image, target = Image.radial_gradient("L").resize((9, 5)).convert(mode), BytesIO()
    image.save(target, "BMP")
    np.testing.assert_array_equal(decode(target, "a.bmp").pixels, np.asarray(image.convert("RGB")))


@pytest.mark.parametrize("mode", ["RGB", "P"])
def test_a_header_of_16_bytes_is_read(mode: str) -> None:
    image = Image.radial_gradient("L").resize((5, 4)).convert("RGB").convert(mode)
    target = BytesIO()
    image.save(target, "BMP")
    whole = target.getvalue()
    (place,) = struct.unpack_from("<I", whole, 10)
    short = whole[:10] + struct.pack("<II", place - 24, 16) + whole[18:30] + whole[54:]
    picture = decode(BytesIO(short), "a.bmp")
    np.testing.assert_array_equal(picture.pixels, np.asarray(image.convert("RGB")))


@pytest.mark.parametrize(
    ("bits", "compression", "name"),
    [(2, 0, "a BMP of 2 bits a pixel"), (24, 3, "a BMP of 24 bits with masks")],
)
def test_what_nobody_writes_is_called_by_its_name(bits: int, compression: int, name: str) -> None:
    data = bytearray(bmp([[0, 0]], 32))
    struct.pack_into("<HI", data, 28, bits, compression)
    with pytest.raises(ImageError, match=f"is {name}, which cannot be read; save it as PNG"):
        decode(BytesIO(bytes(data)), "a.bmp")
