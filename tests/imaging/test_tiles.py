"""Tiles cover an image once, with context where they meet."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from cadyq_cli.imaging.tiles import fitted, official_spans, spans, tiles

Array = NDArray[Any]
LENGTHS = [1, 2, 15, 16, 17, 18, 28, 29, 31, 32, 33, 100]


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("overlap", [0, 1, 4, 15])
def test_spans_own_every_pixel_once(length: int, overlap: int) -> None:
    cut = spans(length, 16, overlap)
    assert [p for s in cut for p in range(s.keep_from, s.keep_to)] == list(range(length))
    assert {s.stop - s.start for s in cut} == {min(length, 16)}


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("overlap", [0, 1, 4, 15])
def test_kept_pixels_have_context_on_both_sides(length: int, overlap: int) -> None:
    for s in spans(length, 16, overlap):
        assert s.start == 0 or s.keep_from - s.start >= overlap // 2
        assert s.stop == length or s.stop - s.keep_to >= overlap // 2


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("overlap", [0, 1, 4, 15])
def test_fitted_tiles_are_as_many_as_tiles_of_full_size_and_end_with_the_axis(
    length: int, overlap: int
) -> None:
    edge = fitted(length, 16, overlap)
    cut = spans(length, edge, overlap)
    assert len(cut) == len(spans(length, 16, overlap))
    assert edge <= 16
    spared = len(cut) * edge - (len(cut) - 1) * overlap - length
    assert length <= 16 or 0 <= spared < len(cut)


@pytest.mark.parametrize("length", [1, 2, 95, 96, 97, 185, 186, 275, 276, 277, 1000])
def test_official_spans_own_every_pixel_once(length: int) -> None:
    cut = official_spans(length)
    assert [p for s in cut for p in range(s.keep_from, s.keep_to)] == list(range(length))


def test_official_spans_stretch_the_last_patch_to_the_edge() -> None:
    assert [(s.start, s.stop) for s in official_spans(185)] == [(0, 185)]
    assert [(s.start, s.stop) for s in official_spans(186)] == [(0, 96), (90, 186)]
    assert [(s.start, s.stop) for s in official_spans(300)] == [(0, 96), (90, 186), (180, 300)]


def test_official_patches_part_in_the_middle_of_their_overlap() -> None:
    assert [(s.keep_from, s.keep_to) for s in official_spans(300)] == [
        (0, 93),
        (93, 183),
        (183, 300),
    ]


@pytest.mark.parametrize("scale", [1, 3])
@pytest.mark.parametrize("size", [(1, 1), (1, 40), (16, 16), (37, 50)])
def test_enlarged_tiles_join_to_the_enlarged_image(size: tuple[int, int], scale: int) -> None:
    def enlarge(image: Array) -> Array:
        return image.repeat(scale, axis=0).repeat(scale, axis=1)

    image = np.arange(size[0] * size[1]).reshape(size)
    whole = np.full((size[0] * scale, size[1] * scale), -1)
    for tile in tiles(*size, tile=16, overlap=4):
        whole[tile.owned(scale)] = enlarge(image[tile.read()])[tile.inner(scale)]
    np.testing.assert_array_equal(whole, enlarge(image))


def test_tiles_come_row_by_row() -> None:
    corners = [(t.rows.start, t.columns.start) for t in tiles(30, 40, 16, 4)]
    assert corners == sorted(corners)
    assert len(corners) == 3 * 3


@pytest.mark.parametrize(("length", "tile", "overlap"), [(0, 16, 4), (10, 16, 16), (10, 16, -1)])
def test_impossible_tiles_are_refused(length: int, tile: int, overlap: int) -> None:
    with pytest.raises(ValueError, match="cannot cut"):
        spans(length, tile, overlap)
    with pytest.raises(ValueError, match="cannot cut"):
        official_spans(length, tile, tile - overlap)
