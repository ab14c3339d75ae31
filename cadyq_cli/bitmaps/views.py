"""The figures of `cadyq bitmap`: one map, all sites, two networks."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageOps

from cadyq_cli.bitmaps.depth import by_layer
from cadyq_cli.bitmaps.legend import legend
from cadyq_cli.bitmaps.numbers import BitMap, mean_of_network
from cadyq_cli.bitmaps.tints import (
    Pixels,
    Scale,
    Style,
    enlarged,
    scale_of,
    text_height,
    tinted,
)
from cadyq_cli.errors import InputError
from cadyq_cli.escaping import escaped
from cadyq_cli.figures.layout import below, beside, folded
from cadyq_cli.figures.palette import PALETTES
from cadyq_cli.figures.text import INK, PAPER, font, text_size
from cadyq_cli.imaging.picture import Picture
from cadyq_cli.imaging.pixels import to_8_bits

_SHEET = 2400  # px a contact sheet is wide, at most


@dataclass(frozen=True, kw_only=True, slots=True)
class Colouring:
    """How a map's widths become colours."""

    palette: str = PALETTES[0]
    stretch: bool = False  # from the map's least to its most, not over all candidate widths

    def scale(self, widths: tuple[int, ...], values: NDArray[Any]) -> Scale:
        """The scale for values of a network with some candidate widths."""
        if not self.stretch:
            return scale_of(widths, self.palette)
        run = values[values > 0] if values.any() else values
        low, high = float(run.min()), float(run.max())
        return Scale(low=low, high=high, ticks=(low, (low + high) / 2, high), palette=self.palette)


@dataclass(frozen=True, kw_only=True, slots=True)
class View:
    """Which figure of a map to draw, and how."""

    site: str | None = None  # one site instead of the mean of all
    sheet: bool = False  # every site
    by_layer: bool = False  # a plot against depth
    style: Style = field(default_factory=Style)
    colouring: Colouring = field(default_factory=Colouring)

    def draw(self, pixels: Pixels, bitmap: BitMap) -> Image.Image:
        """The figure.

        Args:
            pixels: The map's input, or that picture enlarged; (H, W, 3).

        Raises:
            InputError: no such site, or a picture of another size than the map's.
        """
        if self.by_layer:
            return by_layer(bitmap, palette=self.colouring.palette)
        if self.sheet:
            return sheet(pixels, bitmap, style=self.style, colouring=self.colouring)
        return map_figure(
            pixels, bitmap, site=self.site, style=self.style, colouring=self.colouring
        )


def visible(picture: Picture) -> Pixels:
    """A picture's pixels as 8-bit RGB over white paper, (H, W, 3)."""
    pixels = to_8_bits(picture.pixels)
    if picture.alpha is None:
        return pixels
    alpha = to_8_bits(picture.alpha)[..., None].astype(np.float32) / 255
    return np.rint(pixels * alpha + 255 * (1 - alpha)).astype(np.uint8)


def check_size(pixels: Pixels, bitmap: BitMap) -> int:
    """How many times as wide and as high as the map's input a picture is.

    Raises:
        InputError: it is neither that picture nor an enlargement of it.
    """
    factor: int = pixels.shape[0] // bitmap.size[0]
    if not factor or tuple(side * factor for side in bitmap.size) != pixels.shape[:2]:
        height, width = bitmap.size
        raise InputError(f"the map is of an image of {width}x{height} px, not of this one")
    return factor


def map_figure(
    pixels: Pixels,
    bitmap: BitMap,
    *,
    site: str | None = None,
    style: Style,
    colouring: Colouring,
) -> Image.Image:
    """The picture, each patch tinted by its width at a site, or by the mean over all sites.

    Args:
        pixels: The map's input, or that picture enlarged; (H, W, 3).

    Raises:
        InputError: no such site, or a picture of another size than the map's.
    """
    values = bitmap.values(site)
    caption = f"Bit width at {site}" if site else f"Bit width, mean of {len(bitmap.sites)} sites"
    scale = colouring.scale(bitmap.widths, values)
    return _panel(pixels, bitmap, values, scale, caption, style)


def _panel(
    pixels: Pixels,
    bitmap: BitMap,
    values: NDArray[Any],
    scale: Scale,
    caption: str,
    style: Style,
) -> Image.Image:
    """A map with its legend."""
    image = _tinted(pixels, bitmap, values, scale, style)
    if not style.legend:
        return image
    size = text_height(image.height, image.width)
    bar = legend(scale, mean_of_network(values), caption + _of_plain(values), size=size)
    return below([image, bar], centred=True)


def _tinted(
    pixels: Pixels, bitmap: BitMap, values: NDArray[Any], scale: Scale, style: Style
) -> Image.Image:
    """A map large enough to be read; a panorama folded into strips."""
    factor = check_size(pixels, bitmap)
    large, larger = enlarged(pixels)
    rectangles = bitmap.rectangles * factor * larger
    image = tinted(large, rectangles, values, scale, style)
    wide = image.width > image.height
    borders = sorted(set(rectangles[:, 0 if wide else 1].tolist()))
    parts = folded(image, borders)
    gap = text_height(image.height, image.width) // 2
    return below(parts, gap) if wide else beside(parts, gap)


def sheet(pixels: Pixels, bitmap: BitMap, *, style: Style, colouring: Colouring) -> Image.Image:
    """Every site's map, in the order of execution, row by row, on one scale of colours.

    Raises:
        InputError: see `map_figure`.
    """
    everything = np.concatenate([bitmap.values(site) for site in bitmap.sites])
    scale = colouring.scale(bitmap.widths, everything)
    first = _tinted(pixels, bitmap, bitmap.values(bitmap.sites[0]), scale, style)
    columns = _columns(len(bitmap.sites), first.height / first.width)
    cell = max(96, min(_SHEET // columns, 480))
    text = max(12, cell // 18)
    cells = []
    for site in bitmap.sites:
        values = bitmap.values(site)
        image = _tinted(pixels, bitmap, values, scale, style)
        image.thumbnail((cell, cell), Image.Resampling.BOX)
        title = Image.new("RGB", (cell, int(1.5 * text)), PAPER)
        draw, line = ImageDraw.Draw(title), 1.1 * text
        name = _shortened(escaped(site), cell - 4 * text, text)
        draw.text((0, line), name, font=font(text), fill=INK, anchor="ls")
        mean = f"{mean_of_network(values):.2f}"
        draw.text((image.width, line), mean, font=font(text), fill=INK, anchor="rs")
        cells.append(below([title, image]))
    gap = text
    rows = [beside(cells[at : at + columns], gap) for at in range(0, len(cells), columns)]
    result = below(rows, gap // 2)
    if style.legend:
        caption = f"Bit width at each of {len(bitmap.sites)} sites{_of_plain(everything)}"
        bar = legend(scale, mean_of_network(everything), caption, size=max(text, 16))
        result = below([result, bar], gap // 2, centred=True)
    return ImageOps.expand(result, gap, PAPER)


def _of_plain(values: NDArray[Any]) -> str:
    """What a legend says of patches without a tint."""
    return "; gray: 0 bit, interpolated" if (values == 0).any() else ""


def _columns(count: int, shape: float) -> int:
    """How many columns make a sheet about as wide as high, with few gaps in its last row.

    Args:
        count: Number of pictures.
        shape: Their height over their width.
    """
    ideal = sqrt(1.4 * count * shape)
    choices = range(max(1, round(0.7 * ideal)), max(1, min(count, round(1.4 * ideal))) + 1)
    return min(choices, key=lambda columns: (-count % columns, abs(columns - ideal)))


def comparison(
    pixels: Pixels, first: BitMap, second: BitMap, *, style: Style, colouring: Colouring
) -> Image.Image:
    """Two networks' maps of one picture, and the second less the first.

    Raises:
        InputError: the maps do not have the same patches, or see `map_figure`.
    """
    if not np.array_equal(first.rectangles, second.rectangles):
        raise InputError("maps with different patches cannot be compared")
    a, b = first.values(), second.values()
    widths = tuple(sorted({*first.widths, *second.widths}))
    scale = colouring.scale(widths, np.concatenate([a, b]))
    most = float(widths[-1] - widths[0]) or 1.0
    if colouring.stretch:
        most = float(np.abs(b - a).max()) or 1.0
    difference = Scale(low=-most, high=most, ticks=(-most, 0.0, most), difference=True)
    panels = [
        _panel(pixels, first, values, colours, caption, style)
        for caption, values, colours in (
            (f"Bit width, {first.model}", a, scale),
            (f"Bit width, {second.model}", b, scale),
            (f"{second.model} less {first.model}", b - a, difference),
        )
    ]
    gap = text_height(panels[0].height, panels[0].width)
    wide = panels[0].width > 2 * panels[0].height
    return below(panels, gap) if wide else beside(panels, gap)


def _shortened(text: str, width: int, size: int) -> str:
    """A text's end, with an ellipsis before it if the whole is too wide."""
    if text_size(text, size)[0] <= width:
        return text
    while text and text_size(f"…{text}", size)[0] > width:
        text = text[1:]
    return f"…{text}"
