"""PSNR against average bits, drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle
from math import floor, isfinite
from pathlib import Path

from cadyq_cli.errors import InputError
from cadyq_cli.escaping import escaped
from cadyq_cli.evaluation.report import Result
from cadyq_cli.figures.axes import Frame, even_axis
from cadyq_cli.figures.canvas import COLOURS, Canvas
from cadyq_cli.figures.text import MUTED, Colour
from cadyq_cli.imaging.files import write

WIDTH, HEIGHT = 1200, 560  # px; the height is that of one test set
_LEFT, _TOP, _RIGHT, _BOTTOM = 120, 80, 860, 470  # of a test set's frame, px
_LEGEND = 896  # px from the left
_LINE = 34  # px from one line of the legend to the next
_DOT = 10  # px
_HIGHEST = 8  # bits


def draw(path: Path, results: Sequence[Result], *, overwrite: bool = False) -> None:
    """Draw a diagram for each test set, with a point for each network.

    Float networks stand at the right, apart from the widths; what has no widths, such as bicubic,
    is named beside the diagram with its PSNR. There should be a network among the results.

    Raises:
        InputError: an endless PSNR, or a file type that cannot be written.
        ImageError: the picture cannot be written.
    """
    networks = list(dict.fromkeys(r.model for r in results if r.average_bits is not None))
    colours = dict(zip(networks, cycle(COLOURS), strict=False))
    sets = list(dict.fromkeys(r.dataset for r in results))
    bits = [r.average_bits for r in results if r.average_bits is not None]
    lowest = floor(min([b for b in bits if b <= _HIGHEST], default=_HIGHEST) - 0.25)
    canvas = Canvas.blank(WIDTH, HEIGHT * len(sets), text=22)
    for index, dataset in enumerate(sets):
        own = [r for r in results if r.dataset == dataset]
        _Diagram(canvas.part(0, index * HEIGHT), own, colours, lowest).draw()
    write(path, canvas.picture(), overwrite=overwrite)


class _Diagram:
    """One test set."""

    def __init__(
        self,
        canvas: Canvas,
        results: Sequence[Result],
        colours: Mapping[str, Colour],
        lowest: int,
    ) -> None:
        self._canvas = canvas
        self._networks = [r for r in results if r.average_bits is not None]
        self._others = [r for r in results if r.average_bits is None]
        self._title = results[0].dataset
        self._colours = colours
        self._lowest = lowest
        ratios = [r.psnr for r in self._networks]
        if not all(map(isfinite, ratios)):
            reason = "a network that reproduces its images has no place in a diagram"
            raise InputError(f"`plot`: {reason}")
        axis = even_axis(min(ratios), max(ratios), steps=5, narrowest=0.05)
        self._frame = Frame(left=_LEFT, top=_TOP, right=_RIGHT, bottom=_BOTTOM, axis=axis)

    def draw(self) -> None:
        for bits in range(self._lowest, _HIGHEST + 2):
            label = str(bits) if bits <= _HIGHEST else "float"
            self._frame.rule_column(self._canvas, self._share(bits), label)
        self._frame.rule(self._canvas)
        self._label()
        for index, result in enumerate(self._networks):
            colour, y = self._colours[result.model], _TOP + _LINE * index
            x = self._frame.x(self._share(result.average_bits or 0))
            self._canvas.dot((x, self._frame.y(result.psnr)), colour, _DOT, rim=2)
            self._canvas.dot((_LEGEND, y), colour, _DOT, rim=2)
            self._canvas.text((_LEGEND + 2 * _DOT, y), _shortened(result.model), "lm")

    def _share(self, bits: float) -> float:
        """Of the frame's width, from the left; that of float networks is beyond all others."""
        place = min(bits, _HIGHEST + 1) - self._lowest
        return place / (_HIGHEST + 1.5 - self._lowest)

    def _label(self) -> None:
        above = _TOP - 30
        self._canvas.text((_LEFT, above), self._title, "ls")
        self._canvas.text((_LEFT - 14, above), "dB", "rs", MUTED)
        self._canvas.text(((_LEFT + _RIGHT) / 2, _BOTTOM + 42), "average bits", "ma", MUTED)
        for index, result in enumerate(reversed(self._others)):
            text = f"{_shortened(result.model)} {result.psnr:.2f} dB"
            place = _LEGEND - _DOT, _BOTTOM - _LINE * index
            self._canvas.text(place, text, "ls", MUTED)


def _shortened(name: str) -> str:
    name = escaped(name)
    return name if len(name) <= 24 else "..." + name[-21:]
