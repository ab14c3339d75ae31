"""PSNR against average bits, drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle
from math import ceil, floor, isfinite, log10
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from cadyq_cli.errors import InputError
from cadyq_cli.evaluation.report import Result
from cadyq_cli.imaging.files import write
from cadyq_cli.imaging.picture import Picture

WIDTH, HEIGHT = 1200, 560  # px; the height is that of one test set
_AREA = (120, 80, 860, 470)  # left, top, right, bottom of a test set's axes, px
_LEGEND = 896  # px from the left
_HIGHEST = 8  # bits
_FINER = 2  # drawn this many times as large, then shrunk, for smooth edges
_INK, _MUTED, _GRID, _PAPER = "#1b1b1b", "#5f6368", "#e4e6e8", "#ffffff"
# Okabe and Ito's colours, which people with any colour vision can tell apart.
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")


def draw(path: Path, results: Sequence[Result], *, overwrite: bool = False) -> None:
    """Draw a diagram for each test set, with a point for each network.

    Float networks stand at the right, apart from the widths; what has no widths, such as bicubic,
    is named beside the diagram with its PSNR. There should be a network among the results.

    Raises:
        InputError: an endless PSNR, or a file type that cannot be written.
        ImageError: the picture cannot be written.
    """
    networks = list(dict.fromkeys(r.model for r in results if r.average_bits is not None))
    colours = dict(zip(networks, cycle(_COLOURS), strict=False))
    sets = list(dict.fromkeys(r.dataset for r in results))
    bits = [r.average_bits for r in results if r.average_bits is not None]
    lowest = floor(min([b for b in bits if b <= _HIGHEST], default=_HIGHEST) - 0.25)
    sheet = Image.new("RGB", (WIDTH * _FINER, HEIGHT * len(sets) * _FINER), _PAPER)
    for index, dataset in enumerate(sets):
        own = [r for r in results if r.dataset == dataset]
        _Diagram(sheet, index * HEIGHT, own, colours, lowest).draw()
    small = sheet.resize((WIDTH, HEIGHT * len(sets)), Image.Resampling.LANCZOS)
    write(path, Picture(pixels=np.asarray(small)), overwrite=overwrite)


class _Diagram:
    """One test set. Places are pixels of the finished picture, from the diagram's own corner."""

    def __init__(
        self,
        sheet: Image.Image,
        top: int,
        results: Sequence[Result],
        colours: Mapping[str, str],
        lowest: int,
    ) -> None:
        self._pen = ImageDraw.Draw(sheet)
        self._top = top
        self._networks = [r for r in results if r.average_bits is not None]
        self._others = [r for r in results if r.average_bits is None]
        self._title = results[0].dataset
        self._colours = colours
        self._lowest = lowest
        self._ticks = _ticks([r.psnr for r in self._networks])

    def draw(self) -> None:
        self._axes()
        self._labels()
        for index, result in enumerate(self._networks):
            colour = self._colours[result.model]
            self._dot((self._x(result.average_bits or 0), self._y(result.psnr)), colour)
            y = _AREA[1] + 34 * index
            self._dot((_LEGEND, y), colour)
            self._text((_LEGEND + 20, y), _shortened(result.model), "lm")

    def _x(self, bits: float) -> float:
        left, _, right, _ = _AREA
        place = min(bits, _HIGHEST + 1) - self._lowest
        return left + place / (_HIGHEST + 1.5 - self._lowest) * (right - left)

    def _y(self, psnr: float) -> float:
        _, top, _, bottom = _AREA
        low, high = self._ticks[0], self._ticks[-1]
        return bottom - (psnr - low) / (high - low) * (bottom - top)

    def _axes(self) -> None:
        left, top, right, bottom = _AREA
        digits = max(0, -floor(log10(self._ticks[1] - self._ticks[0]) + 1e-9))
        for psnr in self._ticks:
            self._line((left, self._y(psnr)), (right, self._y(psnr)), _GRID)
            self._text((left - 14, self._y(psnr)), f"{psnr:.{digits}f}", "rm")
        for bits in range(self._lowest, _HIGHEST + 2):
            label = str(bits) if bits <= _HIGHEST else "float"
            self._line((self._x(bits), top), (self._x(bits), bottom), _GRID)
            self._text((self._x(bits), bottom + 10), label, "ma")
        self._line((left, bottom), (right, bottom), _INK)

    def _labels(self) -> None:
        left, top, right, bottom = _AREA
        self._text((left, top - 30), self._title, "ls")
        self._text((left - 14, top - 30), "dB", "rs", _MUTED)
        self._text(((left + right) / 2, bottom + 42), "average bits", "ma", _MUTED)
        for index, result in enumerate(reversed(self._others)):
            text = f"{_shortened(result.model)} {result.psnr:.2f} dB"
            self._text((_LEGEND - 10, bottom - 34 * index), text, "ls", _MUTED)

    def _line(self, start: tuple[float, float], end: tuple[float, float], colour: str) -> None:
        self._pen.line([*self._scaled(start), *self._scaled(end)], colour, width=_FINER * 2)

    def _text(self, place: tuple[float, float], text: str, anchor: str, colour: str = _INK) -> None:
        font = ImageFont.load_default(22 * _FINER)
        self._pen.text(self._scaled(place), text, colour, font, anchor)

    def _dot(self, place: tuple[float, float], colour: str) -> None:
        x, y = self._scaled(place)
        r = 10 * _FINER
        self._pen.ellipse((x - r, y - r, x + r, y + r), colour, _PAPER, width=2 * _FINER)

    def _scaled(self, place: tuple[float, float]) -> tuple[float, float]:
        return place[0] * _FINER, (place[1] + self._top) * _FINER


def _ticks(values: Sequence[float]) -> list[float]:
    """Round numbers, evenly spaced, around all values."""
    if not all(map(isfinite, values)):
        raise InputError("--plot: a network that reproduces its images has no place in a diagram")
    low, high = min(values), max(values)
    rough = max(high - low, 0.05) / 5
    power = 10 ** floor(log10(rough))
    step = next(power * m for m in (1, 2, 5, 10) if power * m >= rough)
    first, last = floor(low / step - 0.2), ceil(high / step + 0.2)
    return [index * step for index in range(first, last + 1)]


def _shortened(name: str) -> str:
    return name if len(name) <= 24 else "..." + name[-21:]
