"""How the widths change with depth: one column per site, in the order of execution."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from cadyq_cli.bitmaps.numbers import BitMap
from cadyq_cli.bitmaps.tints import scale_of
from cadyq_cli.escaping import escaped
from cadyq_cli.figures.axes import Axis, Frame
from cadyq_cli.figures.canvas import Canvas, Place
from cadyq_cli.figures.palette import PALETTES
from cadyq_cli.figures.text import INK, Colour, text_size

_SIZE = 24  # px of text, which everything else follows
_PLOT = 44 * _SIZE  # px across, at least
_BAR = 3 * _SIZE  # px across, at most
_GAP = 0.5  # px between the shares of a bar
_PERCENT = Axis(ticks=(0, 50, 100), labels=("0%", "50%", "100%"))


def by_layer(bitmap: BitMap, *, palette: str = PALETTES[0]) -> Image.Image:
    """Average width of each site, and the share of the patches that got each width there."""
    sites, widths = bitmap.sites, bitmap.widths
    step = max(int(1.2 * _SIZE), _PLOT // len(sites))
    left, right = 4 * _SIZE, 4 * _SIZE + step * len(sites)
    ticks = widths if len(widths) > 1 else (0, *widths)
    bits = Axis(ticks=ticks, labels=[*map(str, ticks)])
    upper = Frame(left=left, top=3 * _SIZE, right=right, bottom=15 * _SIZE, axis=bits)
    lower = Frame(left=left, top=18 * _SIZE, right=right, bottom=27 * _SIZE, axis=_PERCENT)
    names = [escaped(site) for site in sites]
    below, longest = lower.bottom + _SIZE // 2, max(text_size(name, _SIZE)[0] for name in names)
    canvas = Canvas.blank(right + 2 * _SIZE, below + longest + _SIZE, text=_SIZE)
    title = f"Average bit width at each site of {escaped(bitmap.model)}"
    _draw_frame(canvas, upper, f"{title}; {bitmap.average():.2f} over all")
    _draw_frame(canvas, lower, "Share of the patches")

    shades = scale_of(widths, palette).colours(np.array(widths, float)).tolist()
    colours: dict[int, Colour] = dict(zip(widths, map(tuple, shades), strict=True))
    middles = [left + index * step + step // 2 for index in range(len(sites))]
    half = min(step - 4, _BAR) / 2
    for site, name, x in zip(sites, names, middles, strict=True):
        total, patches = 0.0, np.count_nonzero(bitmap.bits[site]) or 1
        for width, colour in colours.items():
            share = 100 * np.count_nonzero(bitmap.bits[site] == width) / patches
            high, low = lower.y(total + share), lower.y(total) - _GAP
            if high < low:
                canvas.rectangle((x - half, high), (x + half, low), colour)
            total += share
        canvas.text_upwards((x, below), name)
    _draw_key(canvas, colours, (right, lower.top - 0.8 * _SIZE))
    averages = [(x, upper.y(bitmap.average(site))) for site, x in zip(sites, middles, strict=True)]
    _draw_curve(canvas, averages)
    return canvas.image()


def _draw_frame(canvas: Canvas, frame: Frame, title: str) -> None:
    frame.rule(canvas)
    canvas.text((frame.left, frame.top - 0.8 * _SIZE), title, "ls")


def _draw_curve(canvas: Canvas, places: Sequence[Place]) -> None:
    canvas.line(places)
    for place in places:
        canvas.dot(place, INK, 4)


def _draw_key(canvas: Canvas, colours: dict[int, Colour], end: Place) -> None:
    """Name the colours of the widths, in one line that ends at a place."""
    x, baseline = end
    for width, colour in reversed(colours.items()):
        text = f"{width} bit"
        canvas.text((x, baseline), text, "rs")
        x -= text_size(text, _SIZE)[0] + 1.2 * _SIZE
        canvas.rectangle((x, baseline - 0.75 * _SIZE), (x + 0.75 * _SIZE, baseline), colour)
        x -= _SIZE
