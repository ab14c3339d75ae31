"""What the tests of training learn from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three small photographs of smooth noise."""
    path = tmp_path_factory.mktemp("photos")
    random = np.random.default_rng(1)
    for i in range(3):
        coarse = random.integers(0, 256, (8, 9, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((72, 64), Image.Resampling.BICUBIC).save(path / f"{i}.png")
    return path
