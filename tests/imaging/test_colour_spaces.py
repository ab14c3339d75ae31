"""What a file states of its colours means the same to LittleCMS as to the formulas in standards."""

from __future__ import annotations

import io
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from cadyq_cli.imaging.colour_spaces.code_points import PRIMARIES, TRANSFERS
from cadyq_cli.imaging.colour_spaces.stated import StatedColours, named, stated_colours
from cadyq_cli.imaging.containers.statements import Cicp, Statements

SRGB_PLACES = (0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)
P3_PLACES = (0.3127, 0.329, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06)
DISPLAY_P3, PQ = Cicp(12, 13, 0, True), Cicp(9, 16, 0, True)
OTHER = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()

# Of light; the second one is that of ITU-R BT.2407.
P3_TO_SRGB = np.array(
    [[1.2249402, -0.2249402, 0], [-0.0420570, 1.0420570, 0], [-0.0196376, -0.0786361, 1.0982735]]
)
BT_2020_TO_SRGB = np.array(
    [
        [1.6604910, -0.5876411, -0.0728499],
        [-0.1245505, 1.1328999, -0.0083494],
        [-0.0181508, -0.1005789, 1.1187297],
    ]
)


def stated(gray: bool = False, png: bool = True, **statements: Any) -> StatedColours:
    return stated_colours(Statements(**statements), gray=gray, png=png)


def shown(icc: bytes | None, colour: tuple[int, ...]) -> tuple[int, ...]:
    """What LittleCMS makes of a colour, in sRGB."""
    assert icc is not None
    image = Image.new("RGB" if len(colour) == 3 else "L", (1, 1), colour)
    result = ImageCms.profileToProfile(
        image,
        ImageCms.ImageCmsProfile(io.BytesIO(icc)),
        ImageCms.createProfile("sRGB"),
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        outputMode="RGB",
    )
    assert result is not None
    found = result.getpixel((0, 0))
    assert isinstance(found, tuple)
    return found


def in_srgb(light: np.ndarray) -> list[int]:
    """Light, 0..1, by the formula of IEC 61966-2-1."""
    light = light.clip(0, 1)
    curved = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return [round(float(255 * value)) for value in curved]


def from_srgb(stored: np.ndarray) -> np.ndarray:
    return np.where(stored <= 0.04045, stored / 12.92, ((stored + 0.055) / 1.055) ** 2.4)


def from_camera(stored: np.ndarray) -> np.ndarray:
    return np.where(stored < 0.081, stored / 4.5, ((stored + 0.099) / 1.099) ** (1 / 0.45))


COLOUR = np.array([180, 120, 90])


@pytest.mark.parametrize(
    ("statements", "light"),
    [
        ({"gamma": 1.0}, COLOUR / 255),
        ({"gamma": 1 / 1.8}, (COLOUR / 255) ** 1.8),
        ({"cicp": Cicp(1, 8, 0, True)}, COLOUR / 255),
        ({"cicp": Cicp(1, 1, 0, True)}, from_camera(COLOUR / 255)),
        ({"cicp": Cicp(1, 4, 0, True)}, (COLOUR / 255) ** 2.2),
        ({"cicp": DISPLAY_P3}, P3_TO_SRGB @ from_srgb(COLOUR / 255)),
        ({"cicp": Cicp(9, 14, 0, True)}, BT_2020_TO_SRGB @ from_camera(COLOUR / 255)),
        ({"chromaticities": P3_PLACES}, P3_TO_SRGB @ from_srgb(COLOUR / 255)),
        (
            {"gamma": 0.45455, "chromaticities": P3_PLACES},
            P3_TO_SRGB @ (COLOUR / 255) ** 2.2,
        ),
    ],
)
def test_a_profile_shows_the_colours_that_were_stated(
    statements: dict[str, Any], light: np.ndarray
) -> None:
    found = shown(stated(**statements).icc, tuple(COLOUR.tolist()))
    np.testing.assert_allclose(found, in_srgb(light), atol=1)


def test_the_steeper_curve_of_1987_is_that_of_its_standard() -> None:
    """SMPTE 240M: 1.1115 times light to the power of 0.45, minus 0.1115."""
    found = shown(stated(cicp=Cicp(7, 7, 0, True), gray=True).icc, (100,))
    light = ((100 / 255 + 0.1115) / 1.1115) ** (1 / 0.45)
    np.testing.assert_allclose(found, in_srgb(np.full(3, light)), atol=1)


@pytest.mark.parametrize("points", sorted(PRIMARIES))
def test_white_is_white_and_black_is_black_whatever_the_primaries(points: int) -> None:
    icc = stated(cicp=Cicp(points, 4, 0, True)).icc
    assert shown(icc, (255, 255, 255)) == (255, 255, 255)
    assert shown(icc, (0, 0, 0)) == (0, 0, 0)


@pytest.mark.parametrize("statements", [{"gamma": 1.0}, {"cicp": Cicp(12, 8, 0, True)}])
def test_gray_gets_a_profile_of_gray(statements: dict[str, Any]) -> None:
    icc = stated(gray=True, **statements).icc
    assert icc is not None
    assert icc[16:20] == b"GRAY"
    assert shown(icc, (128,)) == (188, 188, 188)


@pytest.mark.parametrize(
    "statements",
    [
        {},
        {"srgb": 0},
        {"gamma": 0.45455},
        {"gamma": 0.45, "chromaticities": SRGB_PLACES},
        {"chromaticities": (0.31270, 0.32900, 0.64000, 0.33001, 0.3, 0.6, 0.15, 0.06)},
        {"cicp": Cicp(1, 13, 0, True)},
        {"cicp": Cicp(1, 13, 6, True)},
        {"cicp": Cicp(2, 2, 6, True)},
    ],
)
def test_srgb_needs_no_words(statements: dict[str, Any]) -> None:
    assert stated(**statements) == StatedColours()


def test_the_strongest_statement_holds() -> None:
    weakest: dict[str, Any] = {"gamma": 1.0, "chromaticities": P3_PLACES}
    assert stated(srgb=0, **weakest) == StatedColours()
    assert stated(icc=OTHER, srgb=0, **weakest) == StatedColours(icc=OTHER)
    code_points = stated(cicp=DISPLAY_P3, icc=OTHER, srgb=0, **weakest)
    assert code_points == stated(cicp=DISPLAY_P3)
    assert code_points.icc != OTHER
    assert stated(cicp=Cicp(1, 13, 0, True), icc=OTHER) == StatedColours()


def test_in_avif_a_profile_comes_before_code_points() -> None:
    assert stated(cicp=DISPLAY_P3, icc=OTHER, png=False) == StatedColours(icc=OTHER)


@pytest.mark.parametrize("transfer", [16, 18, 200])
def test_what_no_profile_can_say_is_left_to_code_points(transfer: int) -> None:
    alone = stated(cicp=Cicp(9, transfer, 9, True), png=False)
    assert alone == StatedColours(cicp=Cicp(9, transfer, 0, True))
    assert stated(cicp=PQ, icc=OTHER) == StatedColours(icc=OTHER, cicp=PQ)  # for older programs


def test_colours_have_the_names_that_people_know() -> None:
    assert named(PQ) == "BT.2100 PQ"
    assert named(Cicp(9, 18, 9, True)) == "BT.2100 HLG"
    assert named(Cicp(5, 6, 0, True)) == "primaries 5, transfer 6 of ITU-T H.273"


@pytest.mark.parametrize(
    "chromaticities",
    [
        (0.3127, 0.329, 0.64, 0.0, 0.3, 0.6, 0.15, 0.06),
        (0.3127, 0.329, 0.1, 0.1, 0.2, 0.2, 0.3, 0.3),
        (0.9, 0.05, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06),
        (0.0,) * 8,
    ],
)
def test_impossible_chromaticities_are_told_of_and_the_gamma_stays(
    chromaticities: tuple[float, ...],
) -> None:
    found = stated(gamma=1.0, chromaticities=chromaticities)
    assert found.icc == stated(gamma=1.0).icc
    assert "impossible chromaticities" in found.notes[0]


@pytest.mark.parametrize("gamma", [0.0, 1e-5, 42949.67, -1.0, math.nan])
def test_an_impossible_gamma_is_told_of(gamma: float) -> None:
    assert stated(gamma=gamma).icc is None
    assert "impossible gamma" in stated(gamma=gamma).notes[0]


def test_a_narrow_range_is_told_of() -> None:
    found = stated(cicp=Cicp(9, 16, 0, False))
    assert found.cicp == Cicp(9, 16, 0, False)
    assert "narrow range" in found.notes[0]


COORDINATE = st.integers(0, 2**32 - 1).map(lambda value: value / 100_000)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    gamma=st.none() | COORDINATE,
    chromaticities=st.none() | st.tuples(*[COORDINATE | st.floats(0.01, 0.99)] * 8),
    code_points=st.none() | st.builds(Cicp, *[st.integers(0, 255)] * 3, st.booleans()),
    gray=st.booleans(),
    png=st.booleans(),
)
def test_whatever_is_stated_gives_nothing_or_a_profile_that_programs_can_read(
    gamma: float | None,
    chromaticities: tuple[float, ...] | None,
    code_points: Cicp | None,
    gray: bool,
    png: bool,
) -> None:
    found = stated(gamma=gamma, chromaticities=chromaticities, cicp=code_points, gray=gray, png=png)
    if found.icc is not None:
        shown(found.icc, (128,) if gray else (128, 64, 32))


def test_every_curve_reaches_from_black_to_white() -> None:
    for transfer in TRANSFERS:
        icc = stated(cicp=Cicp(5, transfer, 0, True), gray=True).icc
        assert shown(icc, (0,)) == (0, 0, 0)
        assert shown(icc, (255,)) == (255, 255, 255)
