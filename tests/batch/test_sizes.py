from __future__ import annotations

import pytest

from cadyq_cli.batch.sizes import Wanted, passes
from cadyq_cli.errors import ImageError, InputError


@pytest.mark.parametrize(
    ("wanted", "size"),
    [
        (Wanted(scale=4), (36, 52)),
        (Wanted(scale=2.5), (23, 33)),  # 22.5, 32.5
        (Wanted(scale=1), (9, 13)),
        (Wanted(scale=16), (144, 208)),
        (Wanted(width=26), (18, 26)),
        (Wanted(height=18), (18, 26)),
        (Wanted(width=1000, height=18), (18, 26)),
        (Wanted(width=26, height=100), (18, 26)),
        (Wanted(scale=4, max_pixels=36 * 52), (36, 52)),
        (Wanted(scale=4, max_pixels=36 * 52 - 1), (35, 51)),
        (Wanted(scale=4, max_pixels=9 * 13), (9, 13)),
    ],
)
def test_size_of_the_result_of_a_9x13_image(wanted: Wanted, size: tuple[int, int]) -> None:
    assert wanted.size("a.png", 9, 13) == size


@pytest.mark.parametrize(
    "wanted",
    [Wanted(width=12), Wanted(height=9 * 16 + 1), Wanted(scale=2, max_pixels=9 * 13 - 1)],
)
def test_a_size_out_of_reach_is_an_error_that_names_the_image(wanted: Wanted) -> None:
    with pytest.raises(ImageError, match=r"^a\.png: is 13x9 px, "):
        wanted.size("a.png", 9, 13)


@pytest.mark.parametrize(
    ("scale", "there_are", "chosen"),
    [
        (4, {2, 3, 4}, (4,)),
        (3, {2, 3, 4}, (3,)),
        (3, {4}, (4,)),
        (2.5, {2, 3, 4}, (3,)),
        (1, {2, 3, 4}, (2,)),
        (5, {2, 3, 4}, (2, 3)),
        (7, {2, 3, 4}, (2, 4)),
        (8, {2, 3, 4}, (2, 4)),
        (8, {4}, (4, 4)),
        (16, {2, 3, 4}, (4, 4)),
        (16, {3}, (3, 3, 3)),
        (16, {2}, (2, 2, 2, 2)),
        (1.5, {2}, (2,)),
        (1, {1}, (1,)),
    ],
)
def test_the_nearest_larger_chain_of_networks_is_taken(
    scale: float, there_are: set[int], chosen: tuple[int, ...]
) -> None:
    assert passes(scale, there_are) == chosen


def test_a_network_that_only_restores_is_not_asked_to_enlarge() -> None:
    with pytest.raises(InputError, match="does not enlarge"):
        passes(1.5, {1})


@pytest.mark.parametrize(
    ("wanted", "label"),
    [
        (Wanted(scale=4), "x4"),
        (Wanted(scale=2.5), "x2.5"),
        (Wanted(width=800), "w800"),
        (Wanted(height=600), "h600"),
        (Wanted(width=800, height=600), "800x600"),
    ],
)
def test_labels_tell_what_was_asked_for(wanted: Wanted, label: str) -> None:
    assert wanted.label == label
