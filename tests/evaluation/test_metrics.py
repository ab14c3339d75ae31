"""PSNR and SSIM against scikit-image and by hand."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from cadyq_cli.evaluation.metrics import psnr, psnr_y, ssim
from cadyq_cli.imaging.colour import luma

Array = NDArray[Any]
Metric = Callable[..., float]


@pytest.fixture
def pair(rng: np.random.Generator) -> tuple[Array, Array]:
    """Two images that are neither equal nor unrelated, with all values used."""
    truth = rng.integers(0, 256, (40, 50, 3), dtype=np.uint8)
    noise = rng.integers(-20, 21, truth.shape)
    return (truth + noise).clip(0, 255).astype(np.uint8), truth


def reference_psnr(image: Array, truth: Array) -> float:
    return float(peak_signal_noise_ratio(truth, image, data_range=255))  # type: ignore[no-untyped-call]


def reference_ssim(image: Array, truth: Array) -> float:
    return float(
        structural_similarity(  # type: ignore[no-untyped-call]
            image.astype(float),
            truth.astype(float),
            data_range=255,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            channel_axis=2 if image.ndim == 3 else None,
        )
    )


@pytest.mark.parametrize("border", [0, 4])
def test_psnr_agrees_with_scikit_image(pair: tuple[Array, Array], border: int) -> None:
    image, truth = pair
    inside = slice(border, -border or None)
    a, b = image[inside, inside], truth[inside, inside]
    assert psnr(image, truth, border=border) == pytest.approx(reference_psnr(a, b))
    expected = reference_psnr(luma(a), luma(b))
    assert psnr_y(image, truth, border=border) == pytest.approx(expected)


@pytest.mark.parametrize("border", [0, 4])
def test_ssim_agrees_with_scikit_image(pair: tuple[Array, Array], border: int) -> None:
    image, truth = pair
    inside = slice(border, -border or None)
    a, b = image[inside, inside], truth[inside, inside]
    assert ssim(image, truth, border=border) == pytest.approx(reference_ssim(a, b), abs=1e-9)
    expected = reference_ssim(luma(a), luma(b))
    assert ssim(luma(image), luma(truth), border=border) == pytest.approx(expected, abs=1e-9)


def test_psnr_of_a_one_step_difference_is_the_hand_computed_value() -> None:
    truth = np.full((16, 16, 3), 100, np.uint8)
    assert psnr(truth + 1, truth, border=4) == pytest.approx(20 * math.log10(255))
    step = 219.859 / 256
    assert psnr_y(truth + 1, truth, border=4) == pytest.approx(20 * math.log10(255 / step))


def test_whole_numbers_do_not_wrap() -> None:
    black, white = np.zeros((8, 8), np.uint8), np.full((8, 8), 255, np.uint8)
    assert psnr(black, white, border=0) == pytest.approx(0)


@pytest.mark.parametrize(("metric", "best"), [(psnr, math.inf), (ssim, 1.0)])
def test_identical_images_are_as_good_as_can_be(
    metric: Metric, best: float, rng: np.random.Generator
) -> None:
    image = rng.integers(0, 256, (16, 16), dtype=np.uint8)
    assert metric(image, image, border=2) == pytest.approx(best, abs=1e-12)


@pytest.mark.parametrize("metric", [psnr, ssim])
def test_the_border_does_not_count(metric: Metric, rng: np.random.Generator) -> None:
    truth = rng.integers(0, 256, (24, 24), dtype=np.uint8)
    framed = truth.copy()
    framed[:3] = framed[-3:] = 0
    framed[:, :3] = framed[:, -3:] = 0
    assert metric(framed, truth, border=3) == metric(truth, truth, border=3)
    assert metric(framed, truth, border=2) < metric(truth, truth, border=2)


@pytest.mark.parametrize("metric", [psnr, ssim, psnr_y])
def test_unequal_shapes_are_refused(metric: Metric) -> None:
    with pytest.raises(ValueError, match="shapes"):
        metric(np.zeros((16, 16, 3)), np.zeros((16, 17, 3)), border=0)


@pytest.mark.parametrize(("metric", "smallest"), [(psnr, 1), (ssim, 11)])
def test_a_border_that_leaves_nothing_is_refused(metric: Metric, smallest: int) -> None:
    enough = np.ones((smallest + 6, 40))
    metric(enough, enough, border=3)
    with pytest.raises(ValueError, match=f"too little of 40x{smallest + 5} px"):
        metric(enough[1:], enough[1:], border=3)
    with pytest.raises(ValueError, match="border"):
        metric(enough, enough, border=-1)
