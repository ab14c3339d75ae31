"""Hidden colours stay hidden."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from cadyq_cli.imaging.alpha import SoftEdges, bled, is_soft, loses_hidden_colours
from cadyq_cli.imaging.resize import imresize

Array = NDArray[Any]

RED, GREEN = [255, 0, 0], [0, 255, 0]


def disc(size: int = 33) -> tuple[Array, Array]:
    """A red disc, with green hidden where it is transparent."""
    y, x = np.indices((size, size)) - size // 2
    alpha: Array = np.where(x * x + y * y < (size // 4) ** 2, 255, 0).astype(np.uint8)
    pixels: Array = np.where(alpha[..., None] > 0, RED, GREEN).astype(np.uint8)
    return pixels, alpha


def test_an_enlarged_edge_shows_nothing_of_a_hidden_colour() -> None:
    pixels, alpha = disc()
    big = imresize(bled(pixels, alpha), 4)
    shown = imresize(alpha, 4) > 0
    assert (big[shown] == RED).all()
    assert (imresize(pixels, 4)[shown] != RED).any()


def test_pixels_that_show_most_stay_exactly_as_they_are(rng: np.random.Generator) -> None:
    pixels = rng.integers(0, 65536, (29, 40, 3), dtype=np.uint16)
    alpha = rng.integers(0, 3, (29, 40), dtype=np.uint16)
    after = bled(pixels, alpha)
    np.testing.assert_array_equal(after[alpha == 2], pixels[alpha == 2])
    assert after.dtype == pixels.dtype


def test_hidden_pixels_take_the_colour_of_the_nearer_side() -> None:
    pixels: Array = np.zeros((8, 64, 3), np.uint8)
    pixels[:, :4], pixels[:, -4:] = RED, GREEN
    alpha: Array = np.zeros((8, 64), np.uint8)
    alpha[:, :4] = alpha[:, -4:] = 255
    after = bled(pixels, alpha)
    np.testing.assert_allclose(after[4, 6], RED, atol=5)
    np.testing.assert_allclose(after[4, -7], GREEN, atol=5)


@pytest.mark.parametrize("background", [0, 255])
def test_a_soft_edge_looks_on_any_background_as_if_it_had_been_enlarged_there(
    background: int, rng: np.random.Generator
) -> None:
    pixels = rng.integers(0, 256, (20, 15, 3), dtype=np.uint8)
    alpha = rng.integers(60, 256, (20, 15), dtype=np.uint8)
    size, rows = (60, 45), slice(12, 40)
    edges = SoftEdges(pixels, alpha, given=pixels)
    colours = edges.corrected(imresize(pixels, size)[rows], size, rows)

    def seen(colour: Array, alpha: Array) -> Array:
        share = alpha[..., None].astype(np.float64) / 255
        shown: Array = colour * share + background * (1 - share)
        return shown

    expected = imresize(seen(pixels, alpha), size)[rows].clip(0, 255)
    found = seen(colours, imresize(alpha, size)[rows])
    hidden = np.abs(found - expected).max(axis=2) > 2
    assert hidden.mean() < 0.05  # colours beyond white and black are clipped


@pytest.mark.parametrize(("alpha", "soft"), [([0, 255], False), ([0, 1], True), ([254], True)])
def test_faint_pixels_make_an_edge_soft(alpha: list[int], soft: bool) -> None:
    assert is_soft(np.array([alpha], np.uint8)) == soft


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (7, 2), (5, 5)])
def test_one_visible_pixel_colours_everything(size: tuple[int, int]) -> None:
    pixels: Array = np.zeros((*size, 3), np.uint8)
    alpha: Array = np.zeros(size, np.uint8)
    pixels[-1, -1], alpha[-1, -1] = [10, 20, 30], 1
    assert (bled(pixels, alpha) == [10, 20, 30]).all()


def lost(hidden: Array, alpha: Array | None = None) -> bool:
    """Whether a picture loses what is hidden in its left half, of the colours given."""
    pixels: Array = np.full((16, 32, 3), 200, hidden.dtype)
    pixels[:, :16] = hidden
    if alpha is None:
        alpha = np.where(np.arange(32) < 16, 0, np.iinfo(hidden.dtype).max)
        alpha = np.broadcast_to(alpha, (16, 32)).astype(hidden.dtype)
    return loses_hidden_colours(pixels, alpha, given=bled(pixels, alpha))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_picture_that_is_hidden_is_missed(rng: np.random.Generator, dtype: type) -> None:
    assert lost(rng.integers(0, np.iinfo(dtype).max, (16, 16, 3), dtype=dtype))


@pytest.mark.parametrize("colour", [[0, 0, 0], [255, 255, 255], [10, 200, 30], [200, 200, 200]])
def test_one_hidden_colour_is_not_missed(colour: list[int]) -> None:
    assert not lost(np.broadcast_to(np.array(colour, np.uint8), (16, 16, 3)))


def test_hidden_black_and_white_are_not_missed(rng: np.random.Generator) -> None:
    assert not lost((rng.integers(0, 2, (16, 16, 1)) * 255).astype(np.uint8))


@pytest.mark.parametrize("opacity", [0, 128, 255])
def test_nothing_is_missed_where_nothing_is_replaced(
    rng: np.random.Generator, opacity: int
) -> None:
    hidden = rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)
    assert not lost(hidden, np.full((16, 32), opacity, np.uint8))


@pytest.mark.parametrize("opacity", [0, 1, 255])
def test_without_a_boundary_nothing_changes(opacity: int, rng: np.random.Generator) -> None:
    pixels = rng.integers(0, 256, (6, 7, 3), dtype=np.uint8)
    np.testing.assert_array_equal(bled(pixels, np.full((6, 7), opacity, np.uint8)), pixels)
