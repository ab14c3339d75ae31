from __future__ import annotations

import numpy as np
import pytest
import torch

from cadyq_cli.imaging.tiles import Tile
from cadyq_cli.plain_areas.cells import CELL, RAMP
from cadyq_cli.plain_areas.joining import PlainAreas
from cadyq_cli.plain_areas.planning import planned

SCALE = 2


def areas(image: np.ndarray, needed: np.ndarray) -> tuple[PlainAreas, list[tuple[Tile, bool]]]:
    parts = planned(needed, image.shape[:2], side=1000, context=10)
    return PlainAreas(image, SCALE, [tile for tile, network in parts if not network]), parts


def test_plain_areas_are_interpolated_as_torch_does(rng: np.random.Generator) -> None:
    image = rng.integers(0, 256, (70, 90, 3), np.uint8)
    needed = np.zeros((3, 3), bool)
    needed[1, 1] = True
    plain, parts = areas(image, needed)
    planes = torch.from_numpy(image).permute(2, 0, 1)[None] / 255
    whole = torch.nn.functional.interpolate(planes, scale_factor=SCALE, mode="bicubic")
    expected = whole[0].permute(1, 2, 0).numpy()
    for tile, network in parts:
        assert plain.hold(tile) is not network
        np.testing.assert_allclose(plain.interpolated(tile), expected[tile.owned(SCALE)], atol=2e-6)
    assert plain.share == pytest.approx(1 - 32 * 32 / (70 * 90))


def test_the_network_fades_in_without_a_step() -> None:
    """A white network beside black plain areas, in an angle, whose corner is the hardest."""
    image = np.zeros((6 * CELL, 6 * CELL, 3), np.uint8)
    needed = np.zeros((6, 6), bool)
    needed[1:5, 1:3] = needed[3:5, 1:5] = True
    plain, parts = areas(image, needed)
    result = np.zeros((6 * CELL * SCALE, 6 * CELL * SCALE, 3), np.float32)
    for tile, network in parts:
        if network:
            pixels = result[tile.owned(SCALE)]
            pixels[:] = 1
            plain.join(tile, pixels)
    steps = [np.abs(np.diff(result, axis=axis)).max() for axis in (0, 1)]
    assert max(steps) <= 1.02 / RAMP
    middle = result[2 * CELL * SCALE, 2 * CELL * SCALE]
    assert (middle == 1).all()
    near = (CELL + RAMP) * SCALE + SCALE
    assert (result[near : 2 * CELL, near : 2 * CELL] == 1).all()
