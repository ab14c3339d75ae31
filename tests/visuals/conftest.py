from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from cadyq_cli.imaging.tiles import tiles
from cadyq_cli.visuals.bitmap import BitMap

MakeMap = Callable[..., BitMap]


@pytest.fixture
def make_map(rng: np.random.Generator) -> MakeMap:
    """Maps with random widths, for pictures of any size."""

    def make(height: int, width: int, *, sites: int = 3, tile: int = 96) -> BitMap:
        plan = list(tiles(height, width, tile, 16))
        bits: dict[str, NDArray[np.uint8]] = {
            f"block{index}.1": rng.choice(np.array([4, 6, 8], np.uint8), len(plan))
            for index in range(1, sites + 1)
        }
        return BitMap.of(plan, bits, file="a.png", model="tiny", scale=2, widths=(4, 6, 8))

    return make
