"""How the widths change with depth: one column per site, in the order of execution."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from cadyq_cli.bitmaps.numbers import BitMap
from cadyq_cli.bitmaps.tints import scale_of
from cadyq_cli.escaping import escaped
from cadyq_cli.figures.palette import PALETTES
from cadyq_cli.figures.text import FAINT, INK, PAPER, font, text_size

_FINE = 2  # drawn so many times as large and reduced, for smooth lines
_SIZE = 24 * _FINE  # px of text, which everything else follows
_LINE = _SIZE // 12
_PLOT = 44 * _SIZE  # px across, at least
_BAR = 3 * _SIZE  # px across, at most


@dataclass(frozen=True, slots=True)
class _Panel:
    """A rectangle of the plot with values from `low` at its bottom to `high` at its top."""

    left: int
    top: int
    width: int
    height: int
    low: float
    high: float

    def y(self, value: float) -> float:
        return self.top + self.height * (self.high - value) / (self.high - self.low or 1)

    def frame(self, draw: ImageDraw.ImageDraw, title: str, ticks: dict[float, str]) -> None:
        over = (self.left, self.top - 0.8 * _SIZE)
        draw.text(over, title, font=font(_SIZE), fill=INK, anchor="ls")
        for value, label in ticks.items():
            y = self.y(value)
            draw.line((self.left, y, self.left + self.width, y), fill=FAINT, width=_LINE)
            before = (self.left - _SIZE // 2, y)
            draw.text(before, label, font=font(_SIZE), fill=INK, anchor="rm")


def by_layer(bitmap: BitMap, *, palette: str = PALETTES[0]) -> Image.Image:
    """Average width of each site, and the share of the patches that got each width there."""
    sites, widths = bitmap.sites, bitmap.widths
    step = max(int(1.2 * _SIZE), _PLOT // len(sites))
    left, width = 4 * _SIZE, step * len(sites)
    names = max(text_size(escaped(site), _SIZE)[0] for site in sites)
    upper = _Panel(left, 3 * _SIZE, width, 12 * _SIZE, widths[0], widths[-1])
    lower = _Panel(left, 18 * _SIZE, width, 9 * _SIZE, 0, 100)
    bottom = lower.top + lower.height + _SIZE // 2
    image = Image.new("RGB", (left + width + 2 * _SIZE, bottom + names + _SIZE), PAPER)
    draw = ImageDraw.Draw(image)
    model = escaped(bitmap.model)
    title = f"Average bit width at each site of {model}; {bitmap.average():.2f} over all"
    upper.frame(draw, title, {float(w): str(w) for w in widths})
    lower.frame(draw, "Share of the patches", {v: f"{v:g}%" for v in (0, 50, 100)})

    scale = scale_of(widths, palette)
    inks = [tuple(colour.tolist()) for colour in scale.colours(np.array(widths, float))]
    middles = [left + index * step + step // 2 for index in range(len(sites))]
    half = min(step - 2 * _LINE, _BAR) // 2
    for site, x in zip(sites, middles, strict=True):
        total = 0.0
        for candidate, ink in zip(widths, inks, strict=True):
            share = 100 * float((bitmap.bits[site] == candidate).mean())
            high, low = lower.y(total + share), lower.y(total) - 1
            if high <= low:
                draw.rectangle((x - half, high, x + half, low), fill=ink)
            total += share
        _write_upwards(image, escaped(site), (x, bottom))
    _draw_key(draw, widths, inks, (left + width, lower.top - int(0.8 * _SIZE)))
    points = [(x, upper.y(bitmap.average(site))) for site, x in zip(sites, middles, strict=True)]
    draw.line(points, fill=INK, width=_LINE, joint="curve")
    for x, y in points:
        draw.circle((x, y), 2 * _LINE, fill=INK)
    return image.reduce(_FINE)


def _draw_key(
    draw: ImageDraw.ImageDraw,
    widths: tuple[int, ...],
    inks: list[tuple[int, ...]],
    end: tuple[int, int],
) -> None:
    """Name the colours of the widths, in one line that ends at a point."""
    x, baseline = end
    for width, ink in zip(reversed(widths), reversed(inks), strict=True):
        text = f"{width} bit"
        draw.text((x, baseline), text, font=font(_SIZE), fill=INK, anchor="rs")
        x -= text_size(text, _SIZE)[0] + int(1.2 * _SIZE)
        draw.rectangle((x, baseline - 0.75 * _SIZE, x + 0.75 * _SIZE, baseline), fill=ink)
        x -= _SIZE


def _write_upwards(image: Image.Image, text: str, end: tuple[int, int]) -> None:
    """Write a text that reads upwards and ends at a point."""
    width, _ = text_size(text, _SIZE)
    line = Image.new("RGB", (width + 2, _SIZE + _SIZE // 3), PAPER)
    ImageDraw.Draw(line).text((0, 0), text, font=font(_SIZE), fill=INK)
    upright = line.transpose(Image.Transpose.ROTATE_90)
    image.paste(upright, (end[0] - upright.width // 2, end[1]))
