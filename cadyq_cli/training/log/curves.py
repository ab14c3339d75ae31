"""The curves of a run, drawn: a column of diagrams a stage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil
from pathlib import Path

import numpy as np

from cadyq_cli.figures.axes import Axis, Frame, even_axis, logarithmic_axis
from cadyq_cli.figures.canvas import COLOURS, Canvas
from cadyq_cli.figures.text import MUTED
from cadyq_cli.imaging.files import write

WIDTH, HEIGHT = 520, 300  # px of a diagram
_LEFT, _TOP, _RIGHT, _BOTTOM = 84, 64, WIDTH - 24, HEIGHT - 40  # of its frame, px
_TITLE, _KEY = 30, 48  # px from the top
_POINTS = 200  # of a curve, at most
_FEW = 50  # points that have dots of their own
_LOSS = "loss"

Rows = Sequence[Mapping[str, str]]
Points = list[tuple[float, float]]

_DIAGRAMS: Mapping[str, Mapping[str, str]] = {  # title -> column of the table -> name of the curve
    _LOSS: {"truth": "truth", "output": "output", "attention": "attention", "bit": "bits"},
    "PSNR, dB": {"psnr": "validation"},
    "average bits": {"average_bits": "batches", "validation_bits": "validation"},
}


def draw(path: Path, rows: Rows) -> None:
    """Draw what `table.read` found: the terms of the loss, PSNR and average bits over steps.

    Raises:
        ImageError: the picture cannot be written.
    """
    stages = list(dict.fromkeys(row["stage"] for row in rows))
    canvas = Canvas.blank(max(1, len(stages)) * WIDTH, len(_DIAGRAMS) * HEIGHT, text=17)
    for column, stage in enumerate(stages):
        own = [row for row in rows if row["stage"] == stage]
        longest = max(float(row["step"]) for row in own)
        for line, (title, columns) in enumerate(_DIAGRAMS.items()):
            curves = {name: _points(own, key) for key, name in columns.items()}
            curves = {name: points for name, points in curves.items() if points}
            if curves:
                part = canvas.part(column * WIDTH, line * HEIGHT)
                axis = _axis(curves, logarithmic=title == _LOSS)
                part.text((_LEFT, _TITLE), f"{stage}: {title}", "ls")
                _draw_curves(part, axis, curves, longest)
    write(path, canvas.picture(), overwrite=True)


def _points(rows: Rows, column: str) -> Points:
    """A curve, means of neighbours if it has too many points; none if nothing is above zero."""
    points = [(float(row["step"]), float(row[column])) for row in rows if row[column]]
    if not any(value > 0 for _, value in points):
        return []
    group = ceil(len(points) / _POINTS)
    means = [np.mean(points[i : i + group], axis=0) for i in range(0, len(points), group)]
    return [(float(x), float(y)) for x, y in means]


def _axis(curves: Mapping[str, Points], *, logarithmic: bool) -> Axis:
    """One for all values, or for all but the lowest tenth, where a stage begins."""
    values = [value for points in curves.values() for _, value in points]
    if logarithmic:
        return logarithmic_axis(min(value for value in values if value > 0), max(values))
    return even_axis(float(np.quantile(values, 0.1)), max(values), steps=4, narrowest=0.2)


def _draw_curves(canvas: Canvas, axis: Axis, curves: Mapping[str, Points], longest: float) -> None:
    """Draw curves over steps up to the longest, and their names above."""
    frame = Frame(left=_LEFT, top=_TOP, right=_RIGHT, bottom=_BOTTOM, axis=axis)
    frame.rule(canvas, MUTED)
    for x, step, anchor in ((_LEFT, 0.0, "la"), (_RIGHT, longest, "ra")):
        canvas.text((x, _BOTTOM + 8), f"{step:,.0f}", anchor, MUTED)
    x = _LEFT
    for colour, (name, points) in zip(COLOURS, curves.items(), strict=False):
        canvas.line([(x, _KEY), (x + 22, _KEY)], colour)
        canvas.text((x + 28, _KEY), name, "lm", MUTED)
        x += 28 + 9 * len(name) + 30
        places = [(frame.x(step / longest), frame.y(value)) for step, value in points]
        canvas.line(places, colour)
        for place in places if len(places) < _FEW else []:
            canvas.dot(place, colour, 4)
