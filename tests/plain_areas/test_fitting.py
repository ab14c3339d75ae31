from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from cadyq_cli.engine.bicubic import enlarge
from cadyq_cli.engine.runner import DifferenceFit, Map, Result
from cadyq_cli.plain_areas.cells import CELL, cells_of
from cadyq_cli.plain_areas.fitting import fit_plain_predictor
from cadyq_cli.plain_areas.predictor import plain_cells

SCALE = 2


def blurred(pixels: NDArray[Any], times: int) -> NDArray[Any]:
    """Each pass has a variance of half a pixel, across and down."""
    for _ in range(times):
        for axis in (0, 1):
            sides = np.roll(pixels, 1, axis) + np.roll(pixels, -1, axis)
            pixels = pixels / 2 + sides / 4
    return pixels


class Sharpening:
    """A runner that interpolates and sharpens, and so differs where something is to be sharp."""

    scale, reach, threads = SCALE, 4, 1
    difference_fit = dial = None
    exact_bits: float | None = None
    price = 0.0

    def __init__(self) -> None:
        self.candidates: dict[str, tuple[int, ...]] = {}

    def run(self, patch: Map) -> Result:
        pixels = np.empty((patch.shape[0] * SCALE, patch.shape[1] * SCALE, 3), np.float32)
        enlarge(patch, SCALE, pixels)
        sharp: Map = 2 * pixels - blurred(pixels, 2)
        return Result(self.finished(sharp), np.zeros(2, np.float32), {})

    def finished(self, pixels: Map) -> Map:
        return pixels


class Brightening(Sharpening):
    """One that changes all, as networks do that restore what was done to pictures."""

    def finished(self, pixels: Map) -> Map:
        return 0.8 * pixels + 0.15


@pytest.fixture(scope="module")
def pictures() -> list[NDArray[np.uint8]]:
    """Rough on the left, smooth on the right."""
    random = np.random.default_rng(3)
    result = []
    for softness in np.geomspace(0.5, 5, 8):
        noise = random.normal(size=(5 * CELL, 14 * CELL, 3))
        noise *= np.geomspace(60, 0.2, 14 * CELL)[None, :, None]
        rough = blurred(noise, round(2 * softness**2)) * softness
        result.append((rough + 128).clip(0, 255).astype(np.uint8))
    return result


def differences(runner: Sharpening, picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Of each inner cell, what 99.5 % of its values differ by at most."""
    values = picture.astype(np.float32) / np.float32(255)
    plain = np.empty((picture.shape[0] * SCALE, picture.shape[1] * SCALE, 3), np.float32)
    enlarge(values, SCALE, plain)
    away = 255 * np.abs(runner.run(values).pixels.clip(0, 1) - plain.clip(0, 1))
    side = CELL * SCALE
    rows, columns = (length // CELL for length in picture.shape[:2])
    cells = away.reshape(rows, side, columns, side, 3).swapaxes(1, 2)
    found: NDArray[np.float32] = np.quantile(cells, 0.995, axis=(2, 3, 4))[1:-1, 1:-1]
    return found


def test_few_cells_that_are_told_plain_are_not(pictures: list[NDArray[np.uint8]]) -> None:
    runner = Sharpening()
    fit = fit_plain_predictor(runner, pictures[::2])
    assert isinstance(fit, DifferenceFit)
    for levels in (2, 3, 4):
        told = [plain_cells(cells_of(each), fit, levels)[1:-1, 1:-1] for each in pictures[1::2]]
        true = [differences(runner, each) <= levels for each in pictures[1::2]]
        found, right = np.stack(told), np.stack(true)
        assert (found & ~right).sum() <= 0.04 * found.sum()
        assert (found & right).sum() >= 0.6 * right.sum()


def test_a_network_that_changes_everything_has_no_fit(pictures: list[NDArray[np.uint8]]) -> None:
    assert fit_plain_predictor(Brightening(), pictures[::2]) is None


def test_pictures_of_less_than_three_cells_tell_nothing() -> None:
    assert fit_plain_predictor(Sharpening(), [np.zeros((40, 40, 3), np.uint8)]) is None
