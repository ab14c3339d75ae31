"""Pictures in a row, as `cat a.png b.png` makes them, from files that Pillow writes."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cadyq_cli.imaging.following import is_followed


def written(file_format: str, **options: Any) -> bytes:
    noise = np.random.default_rng(0).integers(0, 256, (21, 33, 3), np.uint8)
    buffer = BytesIO()
    Image.fromarray(noise).save(buffer, file_format, **options)
    return buffer.getvalue()


FIRST = {
    "PNG": written("PNG"),
    "baseline JPEG": written("JPEG", comment=b"\xff\xd9\xff\xd8\xff"),
    "progressive JPEG": written("JPEG", progressive=True),
    "GIF": written("GIF", comment=b"of words"),
    "GIF of two": written("GIF", save_all=True, append_images=[Image.new("RGB", (33, 21))]),
    "WebP": written("WEBP", quality=50),
    "lossless WebP": written("WEBP", lossless=True),
    "BMP": written("BMP"),
}


@pytest.mark.parametrize("first", FIRST.values(), ids=FIRST)
@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "AVIF"])
def test_a_second_picture_is_noticed(first: bytes, file_format: str) -> None:
    assert is_followed(first + written(file_format))


@pytest.mark.parametrize("first", FIRST.values(), ids=FIRST)
@pytest.mark.parametrize("rest", [b"", b"\0" * 40, b"\n", b"a trailing text"])
def test_one_picture_alone_is_followed_by_none(first: bytes, rest: bytes) -> None:
    assert not is_followed(first + rest)


@pytest.mark.parametrize("first", FIRST.values(), ids=FIRST)
def test_a_cut_or_damaged_picture_raises_nothing(first: bytes) -> None:
    for length in range(0, len(first), 1 + len(first) // 40):
        assert not is_followed(first[:length])


def test_the_second_view_of_a_camera_belongs_to_its_picture() -> None:
    view = Image.new("RGB", (33, 21))
    assert not is_followed(written("MPO", save_all=True, append_images=[view]))
