"""A picture enlarged to any size by one or more networks, with its transparency."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from cadyq_cli.engine.runner import Runner
from cadyq_cli.imaging.alpha import SoftEdges, bled, is_soft, loses_hidden_colours
from cadyq_cli.imaging.picture import Picture
from cadyq_cli.imaging.resize import imresize, resized_bands
from cadyq_cli.imaging.tiles import Tile
from cadyq_cli.upscaling import MARGIN, Enlargement, Tracker, Widths, cut_of, mean_width, upscale

HIDDEN_COLOURS_REPLACED = (
    "has colours where alpha is 0, which were replaced by those around; `alpha_is_data` keeps them"
)


class EnlargedPicture:
    """A picture on its way through one network after another; iterate for rows from the top.

    The last network works in bands. If its result is not of the wanted size, the bands are resized
    once, by bicubic interpolation. What lies beyond the border counts as more of the same. Gray
    stays gray. Transparency is resized by itself, and no colour of a hidden pixel bleeds into a
    visible one.

    Where alpha is data, colours and alpha know nothing of each other.

    Memory holds the picture, what the networks before the last one make of it, and a band.
    """

    def __init__(
        self,
        picture: Picture,
        runners: Sequence[Runner],
        size: tuple[int, int],
        *,
        tile: int = 0,
        plain_levels: float = 0,
        track: Tracker = iter,
        self_ensemble: bool = False,
        alpha_is_data: bool = False,
    ) -> None:
        """Prepare; nothing is computed before the first row is asked for.

        Args:
            picture: Of any kind.
            runners: Of at least one network; see `batch.sizes.passes`.
            size: Height and width of the result.
            tile, plain_levels, track, self_ensemble: As for `upscaling.upscale`, for every network.
            alpha_is_data: Whether alpha says something else than what shows, so that all colours
                count, and it is a channel like them.
        """
        self._picture, self._runners, self._size = picture, runners, size
        self._tile, self._track, self._self_ensemble = tile, track, self_ensemble
        self._plain_levels = plain_levels
        self._alpha_is_data = alpha_is_data
        self._notes: tuple[str, ...] = ()
        self._widths: list[dict[str, Widths]] = []
        self._plain_shares: list[float] = []
        self._tiles: tuple[Tile, ...] = ()

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels, as `files.create` wants them."""
        return (*self._size, self._picture.channels)

    @property
    def dtype(self) -> DTypeLike:
        """That of the picture."""
        return self._picture.pixels.dtype

    @property
    def average_bits(self) -> float | None:
        """Mean width over networks, tiles and sites, once all rows have come."""
        means = [mean for mean in map(mean_width, self._widths) if mean is not None]
        return float(np.mean(means)) if means else None

    @property
    def plain_share(self) -> float:
        """Of the pixels, what was interpolated; mean over networks, once all rows have come."""
        return float(np.mean(self._plain_shares))

    @property
    def notes(self) -> tuple[str, ...]:
        """What to know about the result, once all rows have come."""
        return self._notes

    @property
    def bit_map(self) -> tuple[tuple[Tile, ...], dict[str, Widths]]:
        """The picture's tiles and what the first network gave them, once all rows have come."""
        return self._tiles, self._widths[0]

    def __iter__(self) -> Iterator[NDArray[Any]]:
        """Compute the rows, (n, W, C), ready to be written.

        Raises:
            InputError: the tile is too small.
        """
        pixels, alpha, done = self._picture.pixels, self._picture.alpha, 0
        edges = None
        if alpha is not None and not self._alpha_is_data:
            pixels = bled(self._picture.pixels, alpha)
            if loses_hidden_colours(self._picture.pixels, alpha, given=pixels):
                self._notes = (HIDDEN_COLOURS_REPLACED,)
            if is_soft(alpha):
                edges = SoftEdges(self._picture.pixels, alpha, given=pixels)
        for band in self._colours(pixels):
            rows = slice(done, done + len(band))
            if edges is not None:
                band = edges.corrected(band, self._size, rows)
            if self._picture.gray:  # the network makes nearly the same of three equal channels
                band = band[..., 1:2].repeat(self._picture.colours, axis=2)
            if alpha is not None:
                band = np.dstack([band, imresize(alpha, self._size, rows=rows)])
            yield band
            done = rows.stop

    def _colours(self, pixels: NDArray[Any]) -> Iterator[NDArray[Any]]:
        for runner in self._runners[:-1]:
            result = upscale(
                runner,
                pixels,
                tile=self._tile,
                plain_levels=self._plain_levels,
                track=self._track,
                self_ensemble=self._self_ensemble,
                margin=MARGIN,
            )
            self._widths.append(result.bits)
            self._plain_shares.append(result.plain_share)
            self._tiles = self._tiles or result.tiles
            pixels = result.pixels
        tiles, plain = cut_of(
            self._runners[-1], pixels, self._tile, plain_levels=self._plain_levels
        )
        last = Enlargement(
            self._runners[-1],
            pixels,
            tiles,
            plain=plain,
            track=self._track,
            self_ensemble=self._self_ensemble,
            margin=MARGIN,
        )
        self._tiles = self._tiles or last.tiles
        if last.size == self._size:
            yield from last
        else:
            yield from resized_bands(last, last.size, self._size)
        self._widths.append(last.bits)
        self._plain_shares.append(last.plain_share)
