"""White stays white and black black, and nothing else is touched."""

from __future__ import annotations

import numpy as np
import pytest

from cadyq_cli.imaging.pixels import from_values
from cadyq_cli.imaging.pure import REACH, keep_pure


@pytest.mark.parametrize("scale", [1, 2, 4])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@pytest.mark.parametrize("white", [False, True])
@pytest.mark.parametrize("size", [(1, 1), (3, 9), (20, 20)])
def test_a_plain_picture_stays_plain(
    size: tuple[int, int], white: bool, kind: type, scale: int, rng: np.random.Generator
) -> None:
    level = np.iinfo(kind).max * white
    height, width = size
    enlarged = rng.random((height * scale, width * scale, 3)).astype(np.float32)
    keep_pure(np.full((*size, 3), level, kind), enlarged)
    assert (from_values(enlarged, kind) == level).all()


def test_what_is_near_a_mark_or_nearly_white_is_left_to_the_network() -> None:
    pixels = np.full((30, 30, 3), 255, np.uint8)
    pixels[:15, :, 1] = 254  # one channel of one half
    pixels[20, 8] = 0
    enlarged = np.full((60, 60, 3), 0.5, np.float32)
    keep_pure(pixels, enlarged)
    expected = np.full((30, 30, 3), True)
    expected[: 15 + REACH, :, 1] = False
    expected[20 - REACH : 20 + REACH + 1, 8 - REACH : 8 + REACH + 1] = False
    np.testing.assert_array_equal(enlarged[::2, ::2] == 1, expected)
    np.testing.assert_array_equal(enlarged[1::2, 1::2] == 1, expected)


def test_a_picture_without_pure_areas_is_not_touched(rng: np.random.Generator) -> None:
    pixels = rng.choice(np.array([0, 255], np.uint8), (40, 40, 3))
    enlarged = rng.random((80, 80, 3))
    before = enlarged.copy()
    keep_pure(pixels, enlarged)
    np.testing.assert_array_equal(enlarged, before)
