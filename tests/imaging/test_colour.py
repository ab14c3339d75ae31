"""Luma as the papers define it."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.color import rgb2ycbcr

from cadyq_cli.imaging.colour import luma


def test_luma_is_the_formula_of_the_papers() -> None:
    pixels = np.array([[[0, 0, 0], [255, 255, 255], [255, 0, 0], [10, 200, 30]]], np.uint8)
    red = 16 + 255 * 65.738 / 256
    mixed = 16 + (10 * 65.738 + 200 * 129.057 + 30 * 25.064) / 256
    white = 16 + 255 * 219.859 / 256
    np.testing.assert_allclose(luma(pixels), [[16, white, red, mixed]], rtol=1e-14)


def test_luma_agrees_with_scikit_image(rng: np.random.Generator) -> None:
    pixels = rng.integers(0, 256, (20, 30, 3), dtype=np.uint8)
    np.testing.assert_allclose(luma(pixels), rgb2ycbcr(pixels)[..., 0], atol=1e-3)


@pytest.mark.parametrize("shape", [(4, 4), (4, 4, 1), (4, 4, 4)])
def test_only_rgb_has_luma(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"\(H, W, 3\)"):
        luma(np.zeros(shape, np.uint8))
