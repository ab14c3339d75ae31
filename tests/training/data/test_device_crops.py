"""Crops cut on a device are those of `Crops`, but for the random numbers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from cadyq_cli.degradations.naming import PHOTO
from cadyq_cli.errors import InputError
from cadyq_cli.imaging.resize import imresize
from cadyq_cli.training.data.crops import Crops
from cadyq_cli.training.data.device_crops import DeviceCrops
from cadyq_cli.training.data.survey import find

CPU = torch.device("cpu")
SIZES = (1.0, 0.5)


@pytest.fixture
def places(tmp_path: Path) -> Path:
    """Two photographs of different sizes in which no pixel is like another."""
    for name, (height, width), blue in (("a", (64, 50), 0), ("b", (41, 90), 200)):
        rows, columns = np.mgrid[:height, :width]
        pixels = np.stack([rows * 3, columns * 2, np.full_like(rows, blue)], -1)
        Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / f"{name}.png")
    return tmp_path


def _cut(folder: Path, **settings: Any) -> DeviceCrops:
    return DeviceCrops(find([folder]), 2, device=CPU, **settings)


def test_crops_are_the_same_part_of_both_resolutions_in_every_orientation(places: Path) -> None:
    low, high, clean = _cut(places, sizes=SIZES).pixels(0, range(64), 6)
    assert clean is low
    assert low.shape == (64, 3, 6, 6)
    whole = _photographs(places)
    seen = set()
    for small, large in zip(low, high, strict=True):
        turns = {n: _turn(small, large, *sides) for n, sides in enumerate(whole)}
        ((number, turn),) = [(n, turn) for n, turn in turns.items() if turn is not None]
        seen.add((number, turn))
    assert len(seen) > 4 * 4  # most photographs, sizes and orientations


def _photographs(folder: Path) -> Sequence[Sequence[torch.Tensor]]:
    """Low and high resolution of each photograph at each size, (3, H, W)."""
    found = []
    for file in find([folder]):
        for size in SIZES:
            high = imresize(np.asarray(Image.open(file)), size)
            high = high[: len(high) // 2 * 2, : high.shape[1] // 2 * 2]
            sides = (imresize(high, 0.5), high)
            found.append([torch.from_numpy(each).permute(2, 0, 1) for each in sides])
    return found


def _turn(
    small: torch.Tensor, large: torch.Tensor, low: torch.Tensor, high: torch.Tensor
) -> int | None:
    """In which of the eight orientations a crop is part of a photograph; None if it is not."""
    for turn in range(8):
        seen, more = (
            torch.rot90(side.flip(2) if turn > 3 else side, turn % 4, (1, 2))
            for side in (small, large)
        )
        windows = low.unfold(1, 6, 1).unfold(2, 6, 1)  # (3, rows, columns, 6, 6)
        hits = (windows == seen[:, None, None]).flatten(3).all(3).all(0).nonzero()
        for top, left in hits.tolist():
            part = high[:, 2 * top : 2 * top + 12, 2 * left : 2 * left + 12]
            if torch.equal(part, more):
                return turn
    return None


def test_each_step_has_the_same_crops_whatever_came_before(places: Path) -> None:
    one, other = (_cut(places, seed=7, contrast=1) for _ in range(2))
    one.batch(0, 4, 8)
    for found, expected in zip(one.batch(3, 4, 8), other.batch(3, 4, 8), strict=True):
        assert torch.equal(found, expected)
    assert not torch.equal(one.batch(4, 4, 8)[0], one.batch(3, 4, 8)[0])


@pytest.mark.parametrize("preference", [{"texture": 2.0}, {"contrast": 2.0}])
def test_preferences_are_those_of_crops(
    tmp_path: Path, rng: np.random.Generator, preference: dict[str, Any]
) -> None:
    pixels = np.full((64, 128, 3), 128, np.uint8)
    pixels[:, 112:] = rng.integers(0, 256, (64, 16, 3))
    Image.fromarray(pixels).save(tmp_path / "mostly_flat.png")
    shares = []
    for cut in (Crops(find([tmp_path]), 2, **preference), _cut(tmp_path, **preference)):
        low, _ = cut.batch(0, 400, 8)
        shares.append(float((low.std(dim=(1, 2, 3)) > 0.01).float().mean()))
    assert shares[0] > 0.6
    assert shares[1] == pytest.approx(shares[0], abs=0.1)
    assert float((_cut(tmp_path).batch(0, 400, 8)[0].std((1, 2, 3)) > 0.01).float().mean()) < 0.4


def test_what_cannot_be_cut_is_refused(places: Path) -> None:
    with pytest.raises(InputError, match="no photograph has the 100 px"):
        _cut(places).batch(0, 1, 50)
    with pytest.raises(InputError, match="`degrade`"):
        _cut(places, degradation=PHOTO)
