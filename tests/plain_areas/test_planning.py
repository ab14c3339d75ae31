from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cadyq_cli.imaging.tiles import Span, Tile, bands
from cadyq_cli.plain_areas.cells import CELL, RAMP
from cadyq_cli.plain_areas.planning import planned

SIDE, CONTEXT = 150, 20  # three cells and their context


def mask(*rows: str) -> np.ndarray:
    return np.array([[letter == "#" for letter in row] for row in rows])


def network_tiles(needed: np.ndarray, *, side: int = SIDE) -> list[Tile]:
    size = needed.shape[0] * CELL, needed.shape[1] * CELL
    return [tile for tile, network in planned(needed, size, side=side, context=CONTEXT) if network]


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    st.integers(1, 300),
    st.integers(1, 300),
    st.integers(0, 2**32 - 1),
    st.floats(0, 1),
)
def test_tiles_own_every_pixel_once_and_the_network_makes_what_needs_it(
    height: int, width: int, seed: int, share: float
) -> None:
    needed = np.random.default_rng(seed).random((-(-height // CELL), -(-width // CELL))) < share
    owners = np.zeros((height, width), int)
    by_network = np.zeros((height, width), bool)
    parts = planned(needed, (height, width), side=SIDE, context=CONTEXT)
    for tile, network in parts:
        owners[tile.owned()] += 1
        by_network[tile.owned()] |= network
        for axis in (tile.rows, tile.columns):
            assert axis.stop - axis.start <= SIDE
    assert (owners == 1).all()
    assert by_network[needed.repeat(CELL, 0).repeat(CELL, 1)[:height, :width]].all()
    assert [rows for rows, _ in bands([tile for tile, _ in parts], width)][-1].stop == height


def test_a_tile_of_the_network_sees_what_surrounds_it_up_to_the_border() -> None:
    first, second = network_tiles(mask("...", "###", "###"), side=2 * CELL + 2 * CONTEXT)
    fading = CONTEXT - RAMP
    assert first.rows == second.rows == Span(CELL - fading, 3 * CELL, CELL, 3 * CELL)
    assert first.columns == Span(0, CELL + CONTEXT, 0, CELL)
    assert second.columns == Span(CELL - CONTEXT, 3 * CELL, CELL, 3 * CELL)


@pytest.mark.parametrize(
    ("needed", "count"),
    [
        (mask("###", "###", "###"), 1),
        (mask("...", "...", "..."), 0),
        (mask("......", ".#....", "......", "......", "....#.", "......"), 2),
        (mask("#.", ".#"), 1),  # apart they would read more
    ],
)
def test_rectangles_are_as_few_as_it_takes(needed: np.ndarray, count: int) -> None:
    assert len(network_tiles(needed, side=1000)) == count


def area(tiles: Sequence[Tile]) -> int:
    return sum(tile.area for tile in tiles)


def test_two_arms_of_an_angle_are_computed_apart() -> None:
    angle = mask("##########", *["#........."] * 9)
    assert area(network_tiles(angle, side=1000)) < 0.5 * (10 * CELL) ** 2
