from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest

from cadyq_cli.figures.axes import Axis, Frame, even_axis, logarithmic_axis

PAIRS = [(31.6, 32.1), (27.0, 27.0), (4.0, 8.0), (0.013, 0.4), (2e-5, 3e-5), (0.9, 12345.0)]


def even(low: float, high: float) -> Axis:
    return even_axis(low, high, steps=5, narrowest=0.05)


@pytest.mark.parametrize("axis_around", [even, logarithmic_axis])
@pytest.mark.parametrize(("low", "high"), PAIRS)
def test_an_axis_reaches_from_below_its_values_to_above_them(
    axis_around: Callable[[float, float], Axis], low: float, high: float
) -> None:
    axis = axis_around(low, high)
    assert axis.ticks[0] <= low <= high < axis.ticks[-1]
    assert 0 <= axis.share(low) <= axis.share(high) < 1
    assert len(axis.ticks) < 12


@pytest.mark.parametrize(("low", "high"), PAIRS)
def test_labels_tell_the_numbers(low: float, high: float) -> None:
    for axis in (even(low, high), logarithmic_axis(low, high)):
        assert list(map(float, axis.labels)) == pytest.approx(axis.ticks)


def test_even_steps_are_round_and_their_labels_alike() -> None:
    axis = even(31.62, 32.06)
    assert axis.labels == ["31.6", "31.7", "31.8", "31.9", "32.0", "32.1"]


def test_a_logarithmic_axis_has_equal_distances_for_equal_ratios() -> None:
    axis = logarithmic_axis(0.0002, 0.5)
    assert axis.labels == ["0.0001", "0.001", "0.01", "0.1", "1"]
    distances = [b - a for a, b in pairwise(map(axis.share, axis.ticks))]
    assert distances == pytest.approx([0.25] * 4)


def test_what_is_beyond_an_axis_stands_at_its_end() -> None:
    frame = Frame(left=10, top=20, right=110, bottom=220, axis=even(1.0, 2.0))
    assert (frame.x(0), frame.x(1)) == (10, 110)
    assert (frame.y(-5), frame.y(50)) == (220, 20)
