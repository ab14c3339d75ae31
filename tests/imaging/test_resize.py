"""MATLAB's imresize, on MATLAB's own results and on what can be computed by hand."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from cadyq_cli.imaging.resize import crop_to_multiple, imresize, resized_bands

Array = NDArray[Any]
REPOSITORY = Path(__file__).parents[2]
SHARED = REPOSITORY.parent / "shared"


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_shrinking_equals_matlab_on_an_extract(scale: int) -> None:
    with np.load(REPOSITORY / "tests/golden/matlab_imresize.npz") as golden:
        image, expected = golden["hr"], golden[f"symmetric_x{scale}"]
    small = imresize(crop_to_multiple(image, scale), 1 / scale)
    np.testing.assert_array_equal(small[: len(expected), : len(expected)], expected)


@pytest.mark.skipif(not SHARED.exists(), reason=f"the full set of images is not at {SHARED}")
@pytest.mark.parametrize("name", ["baby", "bird", "butterfly", "head", "woman"])
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_shrinking_equals_matlab_on_whole_images(scale: int, name: str) -> None:
    image = np.asarray(Image.open(SHARED / f"data/test/Set5/{name}.png"))
    file = SHARED / f"conformance/matlab_lr/sym/X{scale}/{name}x{scale}.png"
    small = imresize(crop_to_multiple(image, scale), 1 / scale)
    np.testing.assert_array_equal(small, np.asarray(Image.open(file)))


def test_enlarging_weighs_pixels_by_keys_cubic() -> None:
    impulse = np.zeros((1, 9))
    impulse[0, 4] = 1
    # Twice the size samples the kernel at odd quarters of a pixel.
    quarter = [1.5 * t**3 - 2.5 * t**2 + 1 for t in (0.25, 0.75)]
    beyond = [-0.5 * t**3 + 2.5 * t**2 - 4 * t + 2 for t in (1.25, 1.75)]
    expected = [*reversed(beyond), *reversed(quarter), *quarter, *beyond]
    np.testing.assert_allclose(imresize(impulse, (1, 18))[0, 5:13], expected, atol=1e-15)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
@pytest.mark.parametrize("to", [0.25, 1 / 3, 0.7, 1, 2.5, (1, 1), (5, 40), (31, 2)])
@pytest.mark.parametrize("size", [(1, 1), (1, 7), (2, 3), (13, 8, 3), (9, 9, 1)])
def test_a_constant_stays_constant(
    size: tuple[int, ...], to: float | tuple[int, int], dtype: type
) -> None:
    result = imresize(np.full(size, 201, dtype), to)
    assert result.dtype == dtype
    assert result.shape[2:] == size[2:]
    np.testing.assert_allclose(result, 201, rtol=1e-6)


def test_a_scale_rounds_the_size_up() -> None:
    assert imresize(np.zeros((10, 11, 3), np.uint8), 0.25).shape == (3, 3, 3)


def test_the_same_size_is_the_same_image(rng: np.random.Generator) -> None:
    image = rng.integers(0, 256, (12, 17, 3), dtype=np.uint8)
    np.testing.assert_array_equal(imresize(image, 1), image)


def test_rows_and_columns_are_alike(rng: np.random.Generator) -> None:
    image = rng.random((24, 36))
    np.testing.assert_allclose(imresize(image, 0.25).T, imresize(image.T, 0.25), atol=1e-12)


def test_whole_numbers_are_rounded_after_each_axis(rng: np.random.Generator) -> None:
    image = rng.integers(0, 256, (24, 36), dtype=np.uint8)
    rows = np.floor(imresize(image.astype(float), (6, 36)) + 0.5).clip(0, 255)
    both = np.floor(imresize(rows, (6, 9)) + 0.5).clip(0, 255)
    np.testing.assert_array_equal(imresize(image, 0.25), both)


def test_overshoot_is_clipped_in_whole_numbers_and_kept_in_floats() -> None:
    edge = np.repeat(np.repeat([[0, 255]], 8, axis=1), 4, axis=0)
    assert imresize(edge.astype(float), 2.0).max() > 255
    assert imresize(edge.astype(np.uint8), 2.0).max() == 255


def test_large_rows_give_what_small_ones_give(rng: np.random.Generator) -> None:
    image = rng.integers(0, 256, (64, 40_000), dtype=np.uint8)
    part = imresize(image[:, :400], 0.25)
    np.testing.assert_array_equal(imresize(image, 0.25)[:, :90], part[:, :90])


@pytest.mark.parametrize(
    ("image", "to"),
    [
        (np.zeros((0, 4), np.uint8), 2),
        (np.zeros((4, 4, 3, 1), np.uint8), 2),
        (np.zeros((4, 4), np.int32), 2),
        (np.zeros((4, 4), np.uint8), 0),
        (np.zeros((4, 4), np.uint8), (0, 4)),
    ],
)
def test_impossible_requests_are_refused(image: Array, to: float | tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="cannot resize"):
        imresize(image, to)


def test_cropping_leaves_multiples() -> None:
    image = np.arange(35).reshape(7, 5)
    np.testing.assert_array_equal(crop_to_multiple(image, 3), image[:6, :3])
    np.testing.assert_array_equal(crop_to_multiple(image, 1), image)


@pytest.mark.parametrize("target", [(97, 31), (20, 90), (61, 47), (1, 1), (300, 9), (7, 47)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_an_image_in_bands_is_resized_as_if_it_were_whole(
    rng: np.random.Generator, target: tuple[int, int], dtype: type
) -> None:
    image: Array = rng.integers(0, 256, (61, 47, 3)).astype(dtype)
    cuts = [0, 1, 2, 30, 33, 60, 61]
    bands = (image[top:bottom] for top, bottom in pairwise(cuts))
    result = [*resized_bands(bands, (61, 47), target)]
    assert np.array_equal(np.concatenate(result), imresize(image, target))


@pytest.mark.parametrize("target", [(97, 31), (20, 90), (61, 47)])
def test_some_rows_are_those_of_the_whole(
    rng: np.random.Generator, target: tuple[int, int]
) -> None:
    image = rng.integers(0, 256, (61, 47), np.uint8)
    whole = imresize(image, target)
    for rows in (slice(0, 5), slice(7, 8), slice(15, None)):
        assert np.array_equal(imresize(image, target, rows=rows), whole[rows])
