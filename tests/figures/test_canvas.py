from __future__ import annotations

import numpy as np

from cadyq_cli.figures.canvas import FINER, Canvas

RED, BLUE = (255, 0, 0), (0, 0, 255)


def test_places_are_counted_in_px_of_the_result_from_the_corner_of_a_part() -> None:
    sheet = Canvas.blank(12, 10, text=8)
    edge = 1 / FINER
    sheet.part(4, 3).rectangle((1, 2), (4 - edge, 5 - edge), RED)
    pixels = sheet.picture().pixels
    red = (pixels == RED).all(axis=2)
    assert pixels.shape == (10, 12, 3)
    assert red.sum() == 9
    assert red[5:8, 5:8].all()


def test_a_ramp_shows_its_colours_from_left_to_right() -> None:
    canvas = Canvas.blank(4, 3, text=8)
    canvas.ramp((1, 1), np.array([RED] * FINER + [BLUE] * FINER, np.uint8), 1)
    pixels = canvas.picture().pixels
    assert pixels[1, 1:3].tolist() == [list(RED), list(BLUE)]
    assert (pixels[[0, 2]] == 255).all()


def test_a_text_upwards_ends_at_its_place() -> None:
    canvas = Canvas.blank(40, 80, text=12)
    canvas.text_upwards((20, 10), "upwards")
    inked = np.any(canvas.picture().pixels < 128, axis=2)
    rows, columns = inked.any(axis=1).nonzero()[0], inked.any(axis=0).nonzero()[0]
    assert 10 <= rows[0] < 14
    assert rows[-1] - rows[0] > 2 * (columns[-1] - columns[0])
    assert abs((columns[0] + columns[-1]) / 2 - 20) < 4
