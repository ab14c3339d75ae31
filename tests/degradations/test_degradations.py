"""What pictures go through, against Pillow, statistics and moments."""

from __future__ import annotations

from io import BytesIO
from math import cos, pi, sin

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from skimage import filters

from cadyq_cli.degradations.blur import blurred, gaussian
from cadyq_cli.degradations.compression import as_jpeg
from cadyq_cli.degradations.degradation import Degradation
from cadyq_cli.degradations.degrading import degraded, degraded_by_name, degraded_part
from cadyq_cli.degradations.naming import PHOTO, degradation_of
from cadyq_cli.degradations.noise import noisy
from cadyq_cli.imaging.resize import imresize

Pixels = NDArray[np.uint8]


@pytest.fixture
def high(rng: np.random.Generator) -> Pixels:
    coarse = rng.integers(0, 256, (28, 33, 3), np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((4 * 75, 4 * 67)))


@pytest.fixture
def low(high: Pixels) -> Pixels:
    return imresize(high, 1 / 4)


def jpeg(image: Pixels, quality: int, subsampling: int) -> Pixels:
    file = BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality, subsampling=subsampling)
    return np.asarray(Image.open(file))


@pytest.mark.parametrize("angle", [0, 0.4, pi / 2])
def test_a_gaussian_has_sum_1_and_the_variances_asked_for(angle: float) -> None:
    kernel = gaussian(2.5, 1.2, angle).astype(float)
    assert kernel.sum() == pytest.approx(1, abs=1e-5)
    y, x = np.indices(kernel.shape) - len(kernel) // 2
    for direction, width in ((angle, 2.5), (angle + pi / 2, 1.2)):
        distance = x * cos(direction) + y * sin(direction)
        assert (kernel * distance**2).sum() == pytest.approx(width**2, rel=0.01)


def test_a_blurred_image_is_scikit_images(low: Pixels) -> None:
    shares = low / 255
    expected = 255 * filters.gaussian(shares, 1.5, channel_axis=2)  # type: ignore[no-untyped-call]
    assert np.abs(blurred(low, gaussian(1.5, 1.5)) - expected).max() < 0.6


@pytest.mark.parametrize("colour", [True, False])
@pytest.mark.parametrize("signal", [True, False])
def test_noise_has_the_deviation_asked_for(*, colour: bool, signal: bool) -> None:
    random = np.random.default_rng(1)
    for value, share in ((64, 0.5), (128, 1.0)):
        flat = np.full((200, 200, 3), value, np.uint8)
        noise = noisy(flat, 6, random, colour=colour, signal=signal) - 1.0 * value
        expected = 6 * (share**0.5 if signal else 1)
        assert noise.std() == pytest.approx(expected, rel=0.02)
        assert abs(noise.mean()) < 0.1
        together = np.corrcoef(noise[..., 0].ravel(), noise[..., 1].ravel())[0, 1]
        assert together == pytest.approx(0 if colour else 1, abs=0.03)


@pytest.mark.parametrize(("name", "number"), [("4:4:4", 0), ("4:2:2", 1), ("4:2:0", 2)])
def test_jpeg_is_pillows(low: Pixels, name: str, number: int) -> None:
    by = Degradation(jpeg=1, jpeg_qualities=(40, 40), subsamplings=(name,))
    found = degraded_by_name(by, low, low, "picture")
    assert np.array_equal(found, jpeg(low, 40, number))
    shifted = as_jpeg(low[3:, 5:], 40, name, shift=(3, 5))
    corner = low.copy()
    corner[:3], corner[:, :5] = low[3], low[:, 5:6]
    corner[:3, :5] = low[3, 5]
    assert np.array_equal(shifted, jpeg(corner, 40, number)[3:, 5:])


@pytest.mark.parametrize("corner", [(0, 0), (5, 9), (19, 33), (35, 43)])
def test_a_part_is_what_it_is_in_the_whole_picture(
    high: Pixels, low: Pixels, corner: tuple[int, int]
) -> None:
    part = (slice(corner[0], corner[0] + 32), slice(corner[1], corner[1] + 32))
    found = degraded_part(degradation_of("jpeg50"), high, low, part, np.random.default_rng(0))
    assert np.array_equal(found, jpeg(low, 50, 2)[part])


@pytest.mark.parametrize("name", ["area", "lanczos", "blur0.7"])
def test_what_shrinks_and_blurs_leaves_no_borders_in_a_part(
    high: Pixels, low: Pixels, name: str
) -> None:
    by, part = degradation_of(name), (slice(20, 40), slice(25, 50))
    found = degraded_part(by, high, low, part, np.random.default_rng(0))
    whole = degraded(by, high, low, np.random.default_rng(0))
    assert np.abs(found.astype(int) - whole[part]).max() <= 1
    assert not np.array_equal(found, low[part])


def test_a_picture_compressed_once_before_has_lost_more(high: Pixels, low: Pixels) -> None:
    once, twice = (
        degraded_by_name(degradation_of(name), high, low, "a") - low.astype(float)
        for name in ("jpeg75", "jpeg30-jpeg75")
    )
    assert np.square(twice).mean() > 1.5 * np.square(once).mean()


def test_a_name_decides_what_happens_to_a_picture(high: Pixels, low: Pixels) -> None:
    a, again, b = (degraded_by_name(PHOTO, high, low, name) for name in ("é", "é", "b"))
    assert np.array_equal(a, again)
    assert not np.array_equal(a, b)
    assert a.shape == low.shape


def test_nothing_happens_unless_it_is_asked_for(high: Pixels, low: Pixels) -> None:
    assert degraded_by_name(degradation_of("none"), high, low, "a") is low
