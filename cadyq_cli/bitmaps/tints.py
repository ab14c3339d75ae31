"""Bit maps as pictures: patches tinted by their widths."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, isqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from cadyq_cli.figures.layout import strips
from cadyq_cli.figures.palette import PALETTES, Colours, colours, difference_colours
from cadyq_cli.figures.text import INK, font

SMALLEST = 1000  # px of a figure's longer side; smaller pictures are shown in larger pixels
_SMALLEST_TEXT = 12  # px
_ANY = 2, 8  # bits that a network may have
_TEXT_SHARE = 36  # how many lines of text would fit a square picture

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True, slots=True)
class Scale:
    """How numbers become colours; `ticks` are what the legend names."""

    low: float
    high: float
    ticks: tuple[float, ...]
    palette: str = PALETTES[0]
    difference: bool = False  # `low` is `-high`, and the two ends have colours of their own

    def share(self, value: Any) -> Any:
        """Where values lie on the way from `low`, 0, to `high`, 1; 0.5 if both are equal."""
        length = self.high - self.low
        return (value - self.low) / length if length else value * 0 + 0.5

    def colours(self, values: NDArray[Any]) -> Colours:
        """Colours of values, shape (..., 3)."""
        share = self.share(np.asarray(values, np.float64))
        if self.difference:
            return difference_colours(2 * share - 1)
        return colours(share, self.palette)

    def numbers(self, *values: float) -> list[str]:
        """Values as the figure shows them: 4, 8, or 4.00, 5.06; differences with their sign."""
        decimals = 0 if all(value == round(value) for value in values) else 2
        sign = "+" if self.difference else ""
        return [f"{value or 0:{sign if value else ''}.{decimals}f}" for value in values]


def scale_of(widths: Sequence[int], palette: str) -> Scale:
    """The scale of candidate widths, ascending; a single one has its colour among others."""
    low, high = (widths[0], widths[-1]) if len(widths) > 1 else _ANY
    return Scale(low=low, high=high, ticks=tuple(map(float, widths)), palette=palette)


@dataclass(frozen=True, kw_only=True, slots=True)
class Style:
    """What a figure shows besides the tints."""

    opacity: float = 0.45  # 0 shows the picture alone, 1 the tints alone
    values: bool = False  # write each patch's number into it
    legend: bool = True


def text_height(height: int, width: int) -> int:
    """Height in px of text that is legible when a figure of this size is seen as a whole."""
    return max(_SMALLEST_TEXT, isqrt(height * width) // _TEXT_SHARE)


def enlarged(pixels: Pixels) -> tuple[Pixels, int]:
    """A picture magnified until patches and text can be told apart, and how many times."""
    height, width = pixels.shape[:2]
    count = strips(height, width)
    seen = max(max(height, width) / count, min(height, width) * count)  # once it is folded
    factor = max(1, ceil(SMALLEST / seen))
    return pixels.repeat(factor, axis=0).repeat(factor, axis=1), factor


def tinted(
    pixels: Pixels,
    rectangles: NDArray[np.int64],
    values: NDArray[Any],
    scale: Scale,
    style: Style,
) -> Image.Image:
    """A picture with each rectangle tinted by its value, but none of a width of 0.

    The picture loses its colour as the tint gets stronger, so that hues show nothing but values.

    Args:
        pixels: RGB, (H, W, 3).
        rectangles: (N, 4): x, y, width, height in pixels of the picture.
        values: (N,).
    """
    result = np.empty_like(pixels)
    plain = np.zeros(len(values), bool) if scale.difference else values == 0
    for (x, y, width, height), colour, untinted in zip(
        rectangles.tolist(), scale.colours(values), plain.tolist(), strict=True
    ):
        here = slice(y, y + height), slice(x, x + width)
        result[here] = _blended(pixels[here], None if untinted else colour, style.opacity)
    text = text_height(*pixels.shape[:2])
    if style.opacity > 0:
        _draw_borders(result, rectangles, text // 14)
    image = Image.fromarray(result)
    if style.values:
        _write_values(image, rectangles, scale.numbers(*values.tolist()), text)
    return image


def _blended(pixels: Pixels, colour: Colours | None, opacity: float) -> Pixels:
    gray_share = min(1.0, 2 * opacity)
    part = pixels.astype(np.float32)
    gray = (part @ np.array([0.299, 0.587, 0.114], np.float32))[..., None]
    part += (gray - part) * np.float32(gray_share)
    if colour is not None:
        part += (colour - part) * np.float32(opacity)
    return (part + 0.5).astype(np.uint8)


def _draw_borders(pixels: Pixels, rectangles: NDArray[np.int64], widest: int) -> None:
    """Lighten a line along the upper and the left edge of each rectangle that has a neighbour.

    It is thin compared to the rectangle, and left out where even one pixel would be too thick.
    """
    for x, y, width, height in rectangles.tolist():
        line = min(max(1, widest), min(width, height) // 16)
        across = slice(y, y + line), slice(x, x + width)
        along = slice(y, y + height), slice(x, x + line)
        for here in [across] * (y > 0) + [along] * (x > 0):
            pixels[here] += ((255 - pixels[here]) * np.float32(0.4)).astype(np.uint8)


def _write_values(
    image: Image.Image, rectangles: NDArray[np.int64], texts: list[str], largest: int
) -> None:
    """Write each value into its rectangle, where that is large enough for it to be read."""
    draw = ImageDraw.Draw(image)
    for (x, y, width, height), text in zip(rectangles.tolist(), texts, strict=True):
        size = min(largest, height // 2, width // 3)
        if size < _SMALLEST_TEXT // 2:
            continue
        draw.text(
            (x + width / 2, y + height / 2),
            text,
            font=font(size),
            anchor="mm",
            fill="white",
            stroke_width=max(1, size // 10),
            stroke_fill=INK,
        )
