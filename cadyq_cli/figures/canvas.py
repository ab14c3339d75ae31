"""A sheet for diagrams: lines, dots and text, with smooth edges."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from cadyq_cli.figures.text import INK, PAPER, Colour, font, text_size
from cadyq_cli.imaging.picture import Picture

# Okabe and Ito's colours, which people with any colour vision can tell apart.
COLOURS: Sequence[Colour] = (
    (0, 114, 178),
    (213, 94, 0),
    (0, 158, 115),
    (204, 121, 167),
    (230, 159, 0),
    (86, 180, 233),
    (0, 0, 0),
)
FINER = 2  # drawn so many times as large, then shrunk

Place = tuple[float, float]  # px to the right of the corner, px below it


class Canvas:
    """A part of a sheet. Places are counted from the part's own corner, in px of the result."""

    def __init__(self, sheet: Image.Image, corner: tuple[int, int], text: int, line: int) -> None:
        self.text_size, self.line_width = text, line
        self._sheet, self._corner = sheet, corner
        self._pen = ImageDraw.Draw(sheet)

    @classmethod
    def blank(cls, width: int, height: int, *, text: int, line: int = 2) -> Canvas:
        """A whole sheet, in px, with text of a height and lines of a width in px."""
        return cls(Image.new("RGB", (width * FINER, height * FINER), PAPER), (0, 0), text, line)

    def part(self, left: int, top: int) -> Canvas:
        """The same sheet, counted from another corner of it."""
        return Canvas(self._sheet, (left, top), self.text_size, self.line_width)

    def line(self, places: Sequence[Place], colour: Colour = INK) -> None:
        """Join places in their order; a single one leaves no trace."""
        if len(places) > 1:
            points = [self._scaled(place) for place in places]
            self._pen.line(points, colour, width=self.line_width * FINER, joint="curve")

    def dot(self, place: Place, colour: Colour, radius: int, *, rim: int = 0) -> None:
        """Draw a disc; the outermost px of it, `rim`, in the colour of the paper."""
        middle, size = self._scaled(place), radius * FINER
        self._pen.circle(middle, size, colour, PAPER, width=rim * FINER)

    def text(self, place: Place, text: str, anchor: str, colour: Colour = INK) -> None:
        """Write where Pillow's `anchor`, such as "ls", says."""
        self._pen.text(self._scaled(place), text, colour, font(self.text_size * FINER), anchor)

    def text_upwards(self, end: Place, text: str, colour: Colour = INK) -> None:
        """Write a text that reads upwards and ends at a place, its middle above it."""
        size = self.text_size * FINER
        line = Image.new("RGB", (text_size(text, size)[0] + 2, size + size // 3), PAPER)
        ImageDraw.Draw(line).text((0, 0), text, colour, font(size))
        upright = line.transpose(Image.Transpose.ROTATE_90)
        x, y = map(int, self._scaled(end))
        self._sheet.paste(upright, (x - upright.width // 2, y))

    def rectangle(self, corner: Place, opposite: Place, colour: Colour) -> None:
        """Fill a rectangle from its upper left corner to its lower right one."""
        self._pen.rectangle([self._scaled(corner), self._scaled(opposite)], colour)

    def polygon(self, places: Sequence[Place], colour: Colour) -> None:
        """Fill what is between places."""
        self._pen.polygon([self._scaled(place) for place in places], colour)

    def ramp(self, corner: Place, colours: NDArray[np.uint8], height: int) -> None:
        """Paint colours side by side, (N, 3), in columns of 1/`FINER` px and a height in px."""
        x, y = map(int, self._scaled(corner))
        columns = np.broadcast_to(colours, (height * FINER, *colours.shape)).copy()
        self._sheet.paste(Image.fromarray(columns), (x, y))

    def image(self) -> Image.Image:
        """The whole sheet."""
        return self._sheet.reduce(FINER)

    def picture(self) -> Picture:
        """The same, to be written."""
        return Picture(pixels=np.asarray(self.image()))

    def _scaled(self, place: Place) -> Place:
        (x, y), (left, top) = place, self._corner
        return (left + x) * FINER, (top + y) * FINER
