"""Interpolates plain areas, and fades over to what the network makes beside them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from cadyq_cli.engine.bicubic import enlarge
from cadyq_cli.engine.reach import BICUBIC
from cadyq_cli.engine.runner import Map
from cadyq_cli.imaging.pixels import to_values
from cadyq_cli.imaging.tiles import Span, Tile
from cadyq_cli.plain_areas.cells import CELL, RAMP, Pixels


class PlainAreas:
    """Where a network is not run on a picture."""

    def __init__(self, image: Pixels, scale: int, tiles: Iterable[Tile]) -> None:
        """Prepare.

        Args:
            image: RGB, shape (H, W, 3).
            scale: How many times as large it becomes.
            tiles: That are interpolated; all that they own are whole cells.
        """
        self._image, self._scale = image, scale
        height, width, _ = image.shape
        self._plain = np.zeros((-(-height // CELL), -(-width // CELL)), bool)
        pixels = 0
        for tile in tiles:
            rows, columns = tile.owned()
            self._plain[_cells(rows), _cells(columns)] = True
            pixels += (rows.stop - rows.start) * (columns.stop - columns.start)
        self.share = pixels / (height * width)  # of the picture

    def hold(self, tile: Tile) -> bool:
        """Whether a tile is interpolated."""
        return bool(self._plain[tile.rows.keep_from // CELL, tile.columns.keep_from // CELL])

    def interpolated(self, tile: Tile) -> Map:
        """What a tile owns of the enlarged picture, in 0..1, by bicubic interpolation."""
        height, width, _ = self._image.shape
        around = Tile(_wider(tile.rows, height), _wider(tile.columns, width))
        source = to_values(self._image[around.read()])
        return _enlarged(source, self._scale)[around.inner(self._scale)]

    def join(self, tile: Tile, pixels: Map) -> None:
        """Let what the network made of a tile, (h, w, 3), fade to plain areas that are near."""
        rows, columns = (_near(span) for span in (tile.rows, tile.columns))
        last = self._plain.shape
        rows, columns = rows.clip(0, last[0] - 1), columns.clip(0, last[1] - 1)
        near = self._plain[np.ix_(rows, columns)]
        if near.any():
            faded = _enlarged(1 - _ramp(near)[..., None], self._scale).clip(0, 1)
            pixels += faded * (self.interpolated(tile) - pixels)


def _cells(pixels: slice) -> slice:
    return slice(pixels.start // CELL, -(-pixels.stop // CELL))


def _near(span: Span) -> NDArray[np.int64]:
    """The cells of the pixels that a span owns, and of `RAMP` more to each side."""
    return np.arange(span.keep_from - RAMP, span.keep_to + RAMP) // CELL


def _wider(span: Span, length: int) -> Span:
    """A span that reads what interpolating its own pixels takes."""
    start, stop = max(span.keep_from - BICUBIC, 0), min(span.keep_to + BICUBIC, length)
    return Span(start, stop, span.keep_from, span.keep_to)


def _ramp(plain: NDArray[np.bool_]) -> NDArray[np.float32]:
    """How much the network counts: nothing in plain areas, and all from `RAMP` px on.

    Args:
        plain: Of each pixel, and of `RAMP` px around those that are asked for.
    """
    weight = np.zeros([length - 2 * RAMP for length in plain.shape], np.float32)
    for _ in range(RAMP):
        weight += ~plain[RAMP:-RAMP, RAMP:-RAMP]
        plain = _grown(_grown(plain).T).T
    weight /= np.float32(RAMP)
    return weight


def _grown(area: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """An area and what lies one pixel above and below."""
    grown: NDArray[np.bool_] = area.copy()
    grown[1:] |= area[:-1]
    grown[:-1] |= area[1:]
    return grown


def _enlarged(source: Map, scale: int) -> Map:
    height, width, channels = source.shape
    result = np.empty((height * scale, width * scale, channels), np.float32)
    enlarge(source, scale, result)
    return result
