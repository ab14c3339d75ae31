from __future__ import annotations

import pytest

from cadyq_cli.bitmaps.grid import centred_spans, centred_tiles

AXES = [(1, 96, 20.0), (96, 96, 20.0), (97, 96, 5.0), (500, 96, 80 / 3), (333, 40, 6.0)]


@pytest.mark.parametrize(("length", "edge", "step"), AXES)
def test_every_pixel_is_owned_once_by_a_span_that_reads_it(
    length: int, edge: int, step: float
) -> None:
    spans = centred_spans(length, edge, step)
    owned = [pixel for span in spans for pixel in range(span.keep_from, span.keep_to)]
    assert owned == list(range(length))
    assert {span.stop - span.start for span in spans} == {min(length, edge)}
    for span in spans:
        assert 0 <= span.start <= span.keep_from < span.keep_to <= span.stop <= length


def test_inner_cells_are_alike_and_lie_in_the_middle_of_what_they_show() -> None:
    first, *inner, last = centred_spans(600, 96, 20)
    assert {span.keep_to - span.keep_from for span in inner} == {20}
    for span in inner:
        assert span.start + span.stop == span.keep_from + span.keep_to
    # The next cell's middle is 50 px from the edge, the first one's patch reaches to 48.
    assert (first.start, first.keep_from, first.keep_to) == (0, 0, 40)
    assert (last.stop, last.keep_from, last.keep_to) == (600, 560, 600)


def test_an_image_no_larger_than_a_patch_is_one_cell() -> None:
    (tile,) = centred_tiles(90, 96, 96, 5)
    assert (tile.rows.stop, tile.columns.stop) == (90, 96)


def test_steps_that_leave_gaps_are_refused() -> None:
    with pytest.raises(ValueError, match="spacing=97"):
        centred_spans(500, 96, 97)
