"""The curves of a run, drawn: a column of diagrams a stage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil, floor, log10
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from cadyq_cli.imaging.files import write
from cadyq_cli.imaging.picture import Picture

WIDTH, HEIGHT = 520, 300  # px of a diagram
_LEFT, _TOP, _RIGHT, _BOTTOM = 84, 64, 24, 40  # px around its axes
_FINER = 2  # drawn this many times as large, then shrunk, for smooth edges
_POINTS = 200  # of a curve, at most
_NARROWEST = 0.2  # dB or bits that an axis spans, at least
_INK, _MUTED, _GRID, _PAPER = "#1b1b1b", "#5f6368", "#e4e6e8", "#ffffff"
# Okabe and Ito's colours, which people with any colour vision can tell apart.
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7")

Rows = Sequence[Mapping[str, str]]
Points = list[tuple[float, float]]

_DIAGRAMS: Mapping[str, Mapping[str, str]] = {  # title -> column of the table -> name of the curve
    "loss": {"truth": "truth", "output": "output", "attention": "attention", "bit": "bits"},
    "PSNR, dB": {"psnr": "validation"},
    "average bits": {"average_bits": "batches", "validation_bits": "validation"},
}


def draw(path: Path, rows: Rows) -> None:
    """Draw what `metrics.read` found: the terms of the loss, PSNR and average bits over steps.

    Raises:
        ImageError: the picture cannot be written.
    """
    stages = list(dict.fromkeys(row["stage"] for row in rows))
    size = (max(1, len(stages)) * WIDTH, len(_DIAGRAMS) * HEIGHT)
    sheet = Image.new("RGB", (size[0] * _FINER, size[1] * _FINER), _PAPER)
    for column, stage in enumerate(stages):
        own = [row for row in rows if row["stage"] == stage]
        longest = max(float(row["step"]) for row in own)
        for line, (title, curves) in enumerate(_DIAGRAMS.items()):
            found = {name: _points(own, key) for key, name in curves.items()}
            found = {name: points for name, points in found.items() if points}
            if found:
                corner = (column * WIDTH, line * HEIGHT)
                diagram = _Diagram(sheet, corner, found, longest, logarithmic=title == "loss")
                diagram.draw(f"{stage}: {title}")
    small = sheet.resize(size, Image.Resampling.LANCZOS)
    write(path, Picture(pixels=np.asarray(small)), overwrite=True)


def _points(rows: Rows, column: str) -> Points:
    """A curve, means of neighbours if it has too many points; none if it is zero throughout."""
    points = [(float(row["step"]), float(row[column])) for row in rows if row[column]]
    if not any(value for _, value in points):
        return []
    group = ceil(len(points) / _POINTS)
    means = [np.mean(points[i : i + group], axis=0) for i in range(0, len(points), group)]
    return [(float(x), float(y)) for x, y in means]


class _Diagram:
    """One pair of axes. Places are pixels of the finished picture, from the diagram's corner."""

    def __init__(
        self,
        sheet: Image.Image,
        corner: tuple[int, int],
        curves: Mapping[str, Points],
        longest: float,
        *,
        logarithmic: bool,
    ) -> None:
        self._pen = ImageDraw.Draw(sheet)
        self._corner = corner
        self._curves = curves
        self._longest = longest
        self._logarithmic = logarithmic
        values = [y for points in curves.values() for _, y in points if y > 0 or not logarithmic]
        self._ticks = _decades(values) if logarithmic else _even(values)

    def draw(self, title: str) -> None:
        left, right, bottom = _LEFT, WIDTH - _RIGHT, HEIGHT - _BOTTOM
        self._text((left, 30), title, "ls")
        for tick in self._ticks:
            y = self._y(tick)
            self._line([(left, y), (right, y)], _GRID)
            self._text((left - 10, y), f"{tick:g}" if tick < 1e4 else f"{tick:.0e}", "rm", _MUTED)
        self._line([(left, bottom), (right, bottom)], _INK)
        for step in (0.0, self._longest):
            anchor = "ra" if step else "la"
            self._text((self._x(step), bottom + 8), f"{step:,.0f}", anchor, _MUTED)
        x = left
        for colour, (name, points) in zip(_COLOURS, self._curves.items(), strict=False):
            self._line([(x, 48), (x + 22, 48)], colour)
            self._text((x + 28, 48), name, "lm", _MUTED)
            x += 28 + 9 * len(name) + 30
            places = [(self._x(step), self._y(value)) for step, value in points]
            self._line(places, colour)
            if len(places) < _POINTS // 4:
                for place in places:
                    self._dot(place, colour)

    def _x(self, step: float) -> float:
        return _LEFT + step / self._longest * (WIDTH - _LEFT - _RIGHT)

    def _y(self, value: float) -> float:
        low, high = self._ticks[0], self._ticks[-1]
        value = min(max(value, low), high)
        if self._logarithmic:
            value, low, high = log10(value), log10(low), log10(high)
        return HEIGHT - _BOTTOM - (value - low) / (high - low) * (HEIGHT - _TOP - _BOTTOM)

    def _line(self, places: Sequence[tuple[float, float]], colour: str) -> None:
        if len(places) > 1:
            points = [self._scaled(place) for place in places]
            self._pen.line(points, colour, width=_FINER * 2, joint="curve")

    def _dot(self, place: tuple[float, float], colour: str) -> None:
        x, y = self._scaled(place)
        r = 4 * _FINER
        self._pen.ellipse((x - r, y - r, x + r, y + r), colour)

    def _text(self, place: tuple[float, float], text: str, anchor: str, colour: str = _INK) -> None:
        font = ImageFont.load_default(17 * _FINER)
        self._pen.text(self._scaled(place), text, colour, font, anchor)

    def _scaled(self, place: tuple[float, float]) -> tuple[float, float]:
        return (place[0] + self._corner[0]) * _FINER, (place[1] + self._corner[1]) * _FINER


def _even(values: Sequence[float]) -> list[float]:
    """Round numbers, evenly spaced, around all values but the lowest tenth."""
    low, high = float(np.quantile(values, 0.1)), max(values)
    rough = max(high - low, _NARROWEST) / 4
    power = 10 ** floor(log10(rough))
    step = next(power * m for m in (1, 2, 5, 10) if power * m >= rough)
    first, last = floor(low / step - 0.2), ceil(high / step + 0.2)
    return [round(index * step, 6) for index in range(first, last + 1)]


def _decades(values: Sequence[float]) -> list[float]:
    """Powers of ten, with steps between if they are few, around all values."""
    first, last = floor(log10(min(values))), ceil(log10(max(values)) + 1e-9)
    spread = max(values) / min(values)
    within = (1, 1.5, 2, 3, 5, 7) if spread < 3 else (1, 2, 5) if spread < 100 else (1,)
    ticks = [m * 10.0**power for power in range(first, last) for m in within] + [10.0**last]
    low, high = (
        max(t for t in ticks if t <= min(values)),
        min(t for t in ticks if t > max(values)),
    )
    return [tick for tick in ticks if low <= tick <= high]
