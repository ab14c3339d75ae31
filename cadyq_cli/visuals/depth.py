"""How the widths change with depth: one column a site, in the order of execution."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from cadyq_cli.visuals.bitmap import BitMap
from cadyq_cli.visuals.figure import Scale, number
from cadyq_cli.visuals.palette import PALETTES
from cadyq_cli.visuals.text import FAINT, INK, PAPER, font, text_size

_SIZE = 22  # px of text, which everything else follows


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
        size = _SIZE
        draw.text((self.left, self.top - size), title, font=font(size), fill=INK, anchor="ls")
        for value, label in ticks.items():
            y = self.y(value)
            draw.line((self.left, y, self.left + self.width, y), fill=FAINT, width=2)
            draw.text((self.left - size // 2, y), label, font=font(size), fill=INK, anchor="rm")


def by_layer(bitmap: BitMap, *, palette: str = PALETTES[0]) -> Image.Image:
    """Average width of each site, and which share of the patches got which width there."""
    sites, widths = bitmap.sites, bitmap.widths
    step = max(_SIZE + 6, 960 // len(sites))
    left, width = 4 * _SIZE, step * len(sites)
    names = max(text_size(site, _SIZE)[0] for site in sites)
    upper = _Panel(left, 4 * _SIZE, width, 12 * _SIZE, widths[0], widths[-1])
    lower = _Panel(left, 20 * _SIZE, width, 9 * _SIZE, 0, 100)
    bottom = lower.top + lower.height + _SIZE // 2
    image = Image.new("RGB", (left + width + 8 * _SIZE, bottom + names + _SIZE), PAPER)
    draw = ImageDraw.Draw(image)
    title = f"Average bits, {number(bitmap.average())} over all sites ({bitmap.model})"
    upper.frame(draw, title, {float(w): str(w) for w in widths})
    _draw_averages(draw, bitmap, upper, step)

    lower.frame(draw, "Share of the patches at each width", {v: f"{v:g}%" for v in (0, 50, 100)})
    scale = Scale(low=widths[0], high=widths[-1], ticks=tuple(map(float, widths)), palette=palette)
    inks = [tuple(colour.tolist()) for colour in scale.colours(np.array(widths, float))]
    for index, site in enumerate(sites):
        x, total = left + index * step, 0.0
        for candidate, ink in zip(widths, inks, strict=True):
            share = 100 * float((bitmap.bits[site] == candidate).mean())
            if share:
                box = (x + 2, lower.y(total + share), x + step - 3, lower.y(total) - 1)
                draw.rectangle(box, fill=ink)
            total += share
        _write_upwards(image, site, (x + step // 2, bottom))
    for index, (candidate, ink) in enumerate(zip(widths, inks, strict=True)):
        x, y = left + width + _SIZE, lower.top + lower.height - int((index + 1) * 1.6 * _SIZE)
        draw.rectangle((x, y, x + _SIZE, y + _SIZE), fill=ink)
        middle = (x + 1.5 * _SIZE, y + _SIZE / 2)
        draw.text(middle, f"{candidate} bit", font=font(_SIZE), fill=INK, anchor="lm")
    return image


def _draw_averages(draw: ImageDraw.ImageDraw, bitmap: BitMap, panel: _Panel, step: int) -> None:
    points = []
    for index, site in enumerate(bitmap.sites):
        x = panel.left + (index + 0.5) * step
        points.append((x, panel.y(bitmap.average(site))))
    draw.line(points, fill=INK, width=3, joint="curve")
    for x, y in points:
        draw.ellipse((x - 5, y - 5, x + 5, y + 5), fill=INK)


def _write_upwards(image: Image.Image, text: str, end: tuple[int, int]) -> None:
    """Write a text that reads upwards and ends at a point."""
    width, _ = text_size(text, _SIZE)
    line = Image.new("RGB", (width + 2, _SIZE + _SIZE // 3), PAPER)
    ImageDraw.Draw(line).text((0, 0), text, font=font(_SIZE), fill=INK)
    upright = line.transpose(Image.Transpose.ROTATE_90)
    image.paste(upright, (end[0] - upright.width // 2, end[1]))
