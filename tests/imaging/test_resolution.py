"""Any resolution may be stated; a result states it truly or not at all."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from cadyq_cli.imaging.files import encode
from cadyq_cli.imaging.formats import FORMATS, Format
from cadyq_cli.imaging.metadata import Metadata

KNOWN = [each for each in FORMATS if each.kind.decoder]  # to Pillow


def stated(file_format: Format, dpi: tuple[float, float]) -> tuple[float, float] | None:
    """What Pillow finds in a file for which a resolution was given."""
    file = io.BytesIO()
    metadata = Metadata(dpi=dpi)
    with encode(file, file_format, (1, 1, 3), name="a", metadata=metadata) as put:
        put(np.zeros((1, 1, 3), np.uint8))
    with Image.open(file) as image:
        found = image.info.get("dpi")
    return found and (float(found[0]), float(found[1]))


@settings(max_examples=50, deadline=None, derandomize=True)
@given(
    st.sampled_from(KNOWN),
    st.tuples(st.floats(), st.floats()),
)
@example(FORMATS[0], (5e7, 72.0))
@example(FORMATS[1], (65535.0, 1.0))
@example(FORMATS[5], (54545952.0, 54545952.0))
def test_a_file_states_the_resolution_or_none(
    file_format: Format, dpi: tuple[float, float]
) -> None:
    found = stated(file_format, dpi)
    if found not in (None, (0, 0), (1, 1)):
        assert found == pytest.approx(dpi, abs=0.51)


@pytest.mark.parametrize("name", ["PNG", "JPEG", "TIFF", "BMP"])
def test_ordinary_resolutions_are_stated(name: str) -> None:
    (file_format,) = (each for each in FORMATS if each.name == name)
    assert stated(file_format, (300, 72)) == pytest.approx((300, 72), abs=0.02)


@pytest.mark.parametrize("name", ["WebP", "AVIF"])
@pytest.mark.parametrize("has_exif", [True, False])
def test_formats_without_a_place_for_a_resolution_state_it_in_exif(
    name: str, has_exif: bool
) -> None:
    exif = Image.Exif()
    exif[0x010F], exif[0x011A], exif[0x011B] = "A camera's maker", 72.0, 72.0
    exif.get_ifd(0x8769)[0x829A] = 0.125
    (file_format,) = (each for each in FORMATS if each.name == name)
    block = exif.tobytes().removeprefix(b"Exif\0\0") if has_exif else None
    file = io.BytesIO()
    metadata = Metadata(dpi=(300, 150), exif=block)
    with encode(file, file_format, (1, 1, 3), name="a", metadata=metadata) as put:
        put(np.zeros((1, 1, 3), np.uint8))
    with Image.open(file) as image:
        found = image.getexif()
        assert [found[tag] for tag in (0x011A, 0x011B, 0x0128)] == [300, 150, 2]
        if has_exif:
            assert found[0x010F] == "A camera's maker"
            assert found.get_ifd(0x8769)[0x829A] == 0.125
