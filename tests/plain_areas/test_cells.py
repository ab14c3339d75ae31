from __future__ import annotations

import numpy as np
import pytest

from cadyq_cli.plain_areas.cells import CELL, RAMP, cells_of


def gray(plane: np.ndarray) -> np.ndarray:
    return plane[..., None].repeat(3, axis=2).astype(np.uint8)


def test_a_slope_has_a_gradient_and_no_curvature() -> None:
    found = cells_of(gray(2 * np.arange(3 * CELL)[None, :].repeat(3 * CELL, axis=0)))
    assert found.gradient[1, 1] == pytest.approx(2)
    assert found.curvature[1, 1] == 0


def test_a_dot_counts_by_the_fourth_power_of_its_second_differences() -> None:
    """By hand: 2 + 2 times its height at the dot, once its height at each of four neighbours."""
    plane = np.zeros((3 * CELL, 3 * CELL))
    plane[CELL + 10, CELL + 20] = 10
    pixels = (CELL + 2 * RAMP) ** 2
    assert cells_of(gray(plane)).curvature[1, 1] == pytest.approx(
        ((40**4 + 4 * 10**4) / pixels) ** 0.25
    )


@pytest.mark.parametrize(("away", "seen"), [(RAMP - 2, True), (RAMP + 1, False)])
def test_a_cell_is_seen_with_what_lies_around_it(away: int, *, seen: bool) -> None:
    plane = np.zeros((3 * CELL, 3 * CELL))
    plane[CELL + 5, 2 * CELL + away] = 200
    assert bool(cells_of(gray(plane)).curvature[1, 1]) is seen


@pytest.mark.parametrize("size", [(1, 1), (1, 33), (31, 64), (65, 100), (130, 7)])
def test_a_picture_of_any_size_and_depth_has_cells(
    size: tuple[int, int], rng: np.random.Generator
) -> None:
    image = rng.integers(0, 256, (*size, 3), np.uint8)
    found, fine = cells_of(image), cells_of(image.astype(np.uint16) * 257)
    for each, other in zip(found, fine, strict=True):
        assert each.shape == tuple(-(-side // CELL) for side in size)
        np.testing.assert_allclose(each, other, rtol=1e-4, atol=1e-3)
