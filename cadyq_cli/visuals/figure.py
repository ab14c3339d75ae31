"""Bit maps as pictures: patches tinted by their widths, with a legend beneath."""

from __future__ import annotations

from dataclasses import dataclass
from math import isqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from cadyq_cli.visuals.palette import PALETTES, Colours, colours, difference_colours
from cadyq_cli.visuals.text import INK, PAPER, font, text_size

SMALLEST = 512  # px of a figure's longer edge; smaller pictures are shown in larger pixels
_SMALLEST_TEXT = 12  # px
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

    def colours(self, values: NDArray[Any]) -> Colours:
        """Colours of values, shape (..., 3)."""
        share = (values - self.low) / (self.high - self.low or 1)
        if self.difference:
            return difference_colours(2 * share - 1)
        return colours(share, self.palette)


@dataclass(frozen=True, kw_only=True, slots=True)
class Style:
    """What a figure shows besides the tints."""

    opacity: float = 0.45  # 0 shows the picture alone, 1 the tints alone
    values: bool = False  # write each patch's number into it
    legend: bool = True


def text_height(height: int, width: int) -> int:
    """Size of text, in px, that is legible in a figure of a size seen as a whole."""
    return max(_SMALLEST_TEXT, isqrt(height * width) // _TEXT_SHARE)


def enlarged(pixels: Pixels) -> tuple[Pixels, int]:
    """A picture in pixels so large that patches and text can be told apart, and their edge."""
    factor = max(1, SMALLEST // max(pixels.shape[:2]))
    return pixels.repeat(factor, axis=0).repeat(factor, axis=1), factor


def tinted(
    pixels: Pixels,
    rectangles: NDArray[np.int64],
    values: NDArray[Any],
    scale: Scale,
    style: Style,
) -> Image.Image:
    """A picture with each rectangle tinted by its value.

    The picture loses its colour as the tint gets stronger, so that hues tell of values alone.

    Args:
        pixels: RGB, (H, W, 3).
        rectangles: (N, 4): x, y, width, height in pixels of the picture.
        values: (N,).
    """
    result = np.empty_like(pixels)
    for (x, y, width, height), colour in zip(
        rectangles.tolist(), scale.colours(values), strict=True
    ):
        here = slice(y, y + height), slice(x, x + width)
        result[here] = _blended(pixels[here], colour, style.opacity)
    line = max(1, text_height(*pixels.shape[:2]) // 14)
    if style.opacity > 0:
        _draw_borders(result, rectangles, line)
    image = Image.fromarray(result)
    if style.values:
        _write_values(image, rectangles, values)
    return image


def _blended(pixels: Pixels, colour: Colours, opacity: float) -> Pixels:
    gray_share = min(1.0, 2 * opacity)
    part = pixels.astype(np.float32)
    gray = (part @ np.array([0.299, 0.587, 0.114], np.float32))[..., None]
    part += (gray - part) * np.float32(gray_share)
    part += (colour - part) * np.float32(opacity)
    return (part + 0.5).astype(np.uint8)


def _draw_borders(pixels: Pixels, rectangles: NDArray[np.int64], line: int) -> None:
    """Lighten a line along the upper and the left edge of each rectangle that has a neighbour."""
    for x, y, width, height in rectangles.tolist():
        if min(width, height) < 8 * line:
            continue
        across = slice(y, y + line), slice(x, x + width)
        along = slice(y, y + height), slice(x, x + line)
        for here in [across] * (y > 0) + [along] * (x > 0):
            pixels[here] += ((255 - pixels[here]) * np.float32(0.4)).astype(np.uint8)


def _write_values(image: Image.Image, rectangles: NDArray[np.int64], values: NDArray[Any]) -> None:
    """Write each value into its rectangle, where that is large enough for it to be read."""
    draw = ImageDraw.Draw(image)
    largest = text_height(image.height, image.width)
    for (x, y, width, height), value in zip(rectangles.tolist(), values.tolist(), strict=True):
        size = min(largest, height // 2, int(width / 2.6))
        if size < _SMALLEST_TEXT // 2:
            continue
        draw.text(
            (x + width / 2, y + height / 2),
            number(value),
            font=font(size),
            anchor="mm",
            fill="white",
            stroke_width=max(1, size // 10),
            stroke_fill=INK,
        )


def number(value: float) -> str:
    """Two decimals, fewer where they are zero: 8, 5.5, 5.06."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def legend(scale: Scale, average: float | None, caption: str, *, size: int) -> Image.Image:
    """A bar of the scale's colours, marked at the average, with a caption over it.

    Args:
        average: In the scale's units; None marks nothing.
        size: Height of the text in px, which everything else follows.
    """
    pad = size
    bar_width, bar_height = 16 * size, size
    note = "" if average is None else f"average {number(average)}"
    width = max(bar_width, text_size(caption, size)[0], text_size(note, size)[0]) + 2 * pad
    rows = 4.1 if average is None else 5.7
    image = Image.new("RGB", (width, int(rows * size) + pad), PAPER)
    draw = ImageDraw.Draw(image)
    draw.text((pad, pad // 2), caption, font=font(size), fill=INK, anchor="la")
    top = int((3.4 if average is not None else 1.9) * size) + pad // 2

    def place(value: float) -> float:
        share = (value - scale.low) / (scale.high - scale.low or 1)
        return pad + min(max(share, 0), 1) * (bar_width - 1)

    ramp = scale.colours(np.linspace(scale.low, scale.high, bar_width))
    bar = Image.fromarray(np.broadcast_to(ramp, (bar_height, *ramp.shape)).copy())
    image.paste(bar, (pad, top))
    line = max(1, size // 14)
    for tick in scale.ticks:
        x = place(tick)
        draw.line((x, top + bar_height, x, top + bar_height + size // 4), fill=INK, width=line)
        draw.text(
            (x, top + bar_height + size // 3), number(tick), font=font(size), fill=INK, anchor="ma"
        )
    if average is not None:
        x, half = place(average), size * 0.3
        draw.polygon([(x, top - 1), (x - half, top - 2 * half), (x + half, top - 2 * half)], INK)
        reach = text_size(note, size)[0] / 2
        middle = min(max(x, pad + reach), width - pad - reach)
        draw.text((middle, top - 2.4 * half), note, font=font(size), fill=INK, anchor="mb")
    return image


def stacked(upper: Image.Image, lower: Image.Image) -> Image.Image:
    """One image over another, each in the middle of the common width."""
    width = max(upper.width, lower.width)
    result = Image.new("RGB", (width, upper.height + lower.height), PAPER)
    result.paste(upper, ((width - upper.width) // 2, 0))
    result.paste(lower, ((width - lower.width) // 2, upper.height))
    return result
