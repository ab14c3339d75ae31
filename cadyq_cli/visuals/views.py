"""The figures of `cadyq bitmap`: one map, all sites, two networks."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import ceil, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from cadyq_cli.errors import InputError
from cadyq_cli.imaging.picture import Picture
from cadyq_cli.visuals.bitmap import BitMap
from cadyq_cli.visuals.depth import by_layer
from cadyq_cli.visuals.figure import (
    Pixels,
    Scale,
    Style,
    enlarged,
    legend,
    number,
    stacked,
    text_height,
    tinted,
)
from cadyq_cli.visuals.palette import PALETTES
from cadyq_cli.visuals.text import INK, PAPER, font, text_size

_SHEET = 2400  # px a contact sheet is wide, at most


@dataclass(frozen=True, kw_only=True, slots=True)
class Colouring:
    """How a map's widths become colours."""

    palette: str = PALETTES[0]
    stretch: bool = False  # from the map's least to its most, not over all candidate widths

    def scale(self, widths: tuple[int, ...], values: NDArray[Any]) -> Scale:
        """The scale for values of a network with some candidate widths."""
        ticks = tuple(map(float, widths))
        if self.stretch:
            ticks = (float(values.min()), float(values.max()))
        return Scale(low=ticks[0], high=ticks[-1], ticks=ticks, palette=self.palette)


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
    pixels = _to_8_bits(picture.pixels)
    if picture.alpha is None:
        return pixels
    alpha = _to_8_bits(picture.alpha)[..., None].astype(np.float32) / 255
    return np.rint(pixels * alpha + 255 * (1 - alpha)).astype(np.uint8)


def _to_8_bits(values: NDArray[Any]) -> Pixels:
    if values.dtype == np.uint8:
        return np.ascontiguousarray(values)
    return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)


def check_size(pixels: Pixels, bitmap: BitMap) -> int:
    """How many times as large as the map's input a picture is.

    Raises:
        InputError: it is not that picture, nor the same enlarged.
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
    scale = colouring.scale(bitmap.widths, values)
    image = _tinted(pixels, bitmap, values, scale, style)
    if not style.legend:
        return image
    size = text_height(image.height, image.width)
    where = f"at {site}" if site else f"mean of {len(bitmap.sites)} sites"
    caption = f"Bits a patch, {where}"
    return stacked(image, legend(scale, bitmap.average(site), caption, size=size))


def _tinted(
    pixels: Pixels, bitmap: BitMap, values: NDArray[Any], scale: Scale, style: Style
) -> Image.Image:
    factor = check_size(pixels, bitmap)
    large, larger = enlarged(pixels)
    return tinted(large, bitmap.rectangles * factor * larger, values, scale, style)


def sheet(pixels: Pixels, bitmap: BitMap, *, style: Style, colouring: Colouring) -> Image.Image:
    """Every site's map, in the order of execution, row by row, on one scale of colours.

    Raises:
        InputError: see `map_figure`.
    """
    everything = np.concatenate([bitmap.values(site) for site in bitmap.sites])
    scale = colouring.scale(bitmap.widths, everything)
    height, width = pixels.shape[:2]
    columns = max(1, min(len(bitmap.sites), round(sqrt(len(bitmap.sites) * 1.4 * height / width))))
    cell = max(96, min(_SHEET // columns, 480))
    text = max(12, cell // 18)
    gap = text // 2
    cell_height = 0
    maps = []
    for site in bitmap.sites:
        image = _tinted(pixels, bitmap, bitmap.values(site), scale, style)
        image.thumbnail((cell, cell), Image.Resampling.BOX)
        cell_height = max(cell_height, image.height)
        maps.append(image)
    row_height = cell_height + 2 * text + gap
    rows = ceil(len(maps) / columns)
    size = columns * (cell + gap) + gap, rows * row_height + gap
    result = Image.new("RGB", size, PAPER)
    draw = ImageDraw.Draw(result)
    for index, (site, image) in enumerate(zip(bitmap.sites, maps, strict=True)):
        x = gap + index % columns * (cell + gap)
        y = gap + index // columns * row_height
        draw.text((x, y), _shortened(site, cell - 4 * text, text), font=font(text), fill=INK)
        mean = number(bitmap.average(site))
        draw.text((x + cell, y), mean, font=font(text), fill=INK, anchor="ra")
        result.paste(image, (x, y + int(1.5 * text)))
    if not style.legend:
        return result
    caption = f"Bits a patch, at each of {len(bitmap.sites)} sites"
    return stacked(result, legend(scale, bitmap.average(), caption, size=max(text, 16)))


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
        (f"{first.model}, bits a patch", a, scale),
        (f"{second.model}, bits a patch", b, scale),
        (f"{second.model} less {first.model}", b - a, difference),
    ]
    images = []
    for caption, values, colours in panels:
        image = _tinted(pixels, first, values, colours, style)
        if style.legend:
            size = text_height(image.height, image.width)
            image = stacked(image, legend(colours, float(values.mean()), caption, size=size))
        images.append(image)
    return _abreast(images)


def _abreast(images: list[Image.Image]) -> Image.Image:
    """Images side by side, or below one another where they are wide."""
    wide = images[0].width > 2 * images[0].height
    gap = text_height(images[0].height, images[0].width)
    sizes = [image.size[wide] for image in images]
    along = sum(sizes) + gap * (len(images) - 1)
    across = max(image.size[not wide] for image in images)
    result = Image.new("RGB", (across, along) if wide else (along, across), PAPER)
    at = 0
    for image, size in zip(images, sizes, strict=True):
        result.paste(image, (0, at) if wide else (at, 0))
        at += size + gap
    return result


def _shortened(text: str, width: int, size: int) -> str:
    """A text's end, with an ellipsis before it if the whole is too wide."""
    if text_size(text, size)[0] <= width:
        return text
    while text and text_size(f"…{text}", size)[0] > width:
        text = text[1:]
    return f"…{text}"
