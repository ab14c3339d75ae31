"""Whether colours are even and safe is judged by scikit-image's CIEDE2000, not by OKLab."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from skimage.color import deltaE_ciede2000, rgb2lab

from cadyq_cli.figures.palette import PALETTES, colours, difference_colours

STEPS = 17
TO_LINEAR = 2.2  # near enough to sRGB's curve for what follows

# Machado, Oliveira, Fernandes: A physiologically-based model for simulation of color vision
# deficiency (2009), severity 1.
BLINDNESS = {
    "none": np.eye(3),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "tritanopia": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}


def distance(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """CIEDE2000 between CIELAB colours (..., 3)."""
    return np.asarray(deltaE_ciede2000(a, b))  # type: ignore[no-untyped-call]


def seen(rgb: NDArray[np.uint8], blindness: str) -> NDArray[np.float64]:
    """CIELAB coordinates of what such a person sees, (n, 3)."""
    linear = (rgb / 255) ** TO_LINEAR @ BLINDNESS[blindness].T
    lab: NDArray[np.float64] = rgb2lab(linear.clip(0, 1)[None] ** (1 / TO_LINEAR))[0]
    return lab


@pytest.mark.parametrize("palette", PALETTES)
def test_equal_steps_of_a_value_look_alike(palette: str) -> None:
    lab = seen(colours(np.linspace(0, 1, STEPS), palette), "none")
    steps = distance(lab[:-1], lab[1:])
    assert steps.max() < 2.5 * steps.min()


@pytest.mark.parametrize("blindness", BLINDNESS)
@pytest.mark.parametrize("palette", PALETTES)
def test_more_is_lighter_and_no_step_is_lost_to_the_colour_blind(
    palette: str, blindness: str
) -> None:
    lab = seen(colours(np.linspace(0, 1, STEPS), palette), blindness)
    assert (np.diff(lab[:, 0]) > 1).all()
    assert distance(lab[:-1], lab[1:]).min() > 2  # 1 can just be noticed


@pytest.mark.parametrize("blindness", BLINDNESS)
def test_less_and_more_are_told_apart_by_all(blindness: str) -> None:
    less, same, more = seen(difference_colours(np.array([-0.5, 0, 0.5])), blindness)
    for a, b in ((less, same), (same, more), (less, more)):
        assert distance(a, b) > 10


def test_values_beyond_the_ends_take_the_ends_colours() -> None:
    assert np.array_equal(colours(np.array([-1.0, 2.0])), colours(np.array([0.0, 1.0])))
