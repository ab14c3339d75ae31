"""Enlarges an image of any size, tile by tile, and reports the bit widths of each."""

from __future__ import annotations

import time
from collections import defaultdict, deque
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from copy import copy
from dataclasses import dataclass, replace
from itertools import islice
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from cadyq_cli.engine.reach import FARTHEST
from cadyq_cli.engine.runner import Chosen, Result, Runner
from cadyq_cli.engine.selector_inputs import image_gradient
from cadyq_cli.errors import InputError
from cadyq_cli.imaging.pixels import from_values, to_values
from cadyq_cli.imaging.pure import keep_pure
from cadyq_cli.imaging.tiles import Span, Tile, bands
from cadyq_cli.imaging.tiles import tiles as cut
from cadyq_cli.plain_areas.cells import cells_of
from cadyq_cli.plain_areas.joining import PlainAreas
from cadyq_cli.plain_areas.planning import planned
from cadyq_cli.plain_areas.predictor import plain_cells
from cadyq_cli.quant.prices import Scored, price_of
from cadyq_cli.self_ensemble import EVERY_ORIENTATION, Orientation, mean_of

# px of the input that a tile has at most: a patch with widths of its own. With the paper's 96 px,
# tiles that join as if they were one would be several times the work (tests/benchmarks/seams.py).
TILE = 256
OVERLAP = 2 * FARTHEST  # px of the input that neighbouring tiles share at most
# px of the input that its outermost ones are repeated by where a picture is enlarged for people:
# networks see zeros around it, which shows at the border of a plain one, by up to 39 levels with
# EDSR and SPAN, and by no more than 2 with this.
MARGIN = 3
LOOKS = 2  # at a picture, before it gets a certain average of bits
WORTHWHILE = 0.97  # of the work; plain areas that would leave more are not told apart
SMALLEST_TILE = 32  # px of the input; smaller ones would see little of what surrounds a pixel

Pixels = NDArray[np.uint8 | np.uint16]
Widths = NDArray[np.uint8 | np.float32]  # whole, unless a self-ensemble took the mean; 0: plain


Tracker = Callable[[Sequence[Tile]], Iterable[Tile]]  # yields them, as a progress bar does

T = TypeVar("T")
R = TypeVar("R")


def mean_width(bits: Mapping[str, Widths]) -> float | None:
    """Mean width over sites and the tiles that a network made, the paper's FAB; None for no width.

    Plain tiles, whose width is 0, do not count.
    """
    means = [widths[widths > 0].mean() for widths in bits.values() if widths.any()]
    return float(np.mean(means)) if means else None


def tiles_of(runner: Runner, image: Pixels, tile: int = 0) -> tuple[Tile, ...]:
    """The tiles to enlarge an image by, in pixels of it.

    Args:
        runner: What will enlarge them.
        image: RGB, shape (H, W, 3), at least 1 x 1.
        tile: Side of a tile, at most; 0 chooses.

    Raises:
        InputError: the tile is too small.
        ValueError: the image is empty or not RGB.
    """
    if tile and tile < SMALLEST_TILE:
        raise InputError(f"a tile of {tile} px is too small; the least is {SMALLEST_TILE}")
    if image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(f"an RGB image has the shape (H, W, 3), not {image.shape}")
    height, width, _ = image.shape
    side = tile or TILE
    return tuple(cut(height, width, side, overlap_of(runner, side)))


def cut_of(
    runner: Runner, image: Pixels, tile: int = 0, *, plain_levels: float = 0
) -> tuple[tuple[Tile, ...], PlainAreas | None]:
    """The tiles to enlarge an image by, and which of them are not worth the network.

    Args:
        runner, image, tile: As for `tiles_of`.
        plain_levels: See `upscale`.

    Raises:
        InputError, ValueError: as for `tiles_of`.
    """
    tiles, side = tiles_of(runner, image, tile), tile or TILE
    if not plain_levels or runner.difference_fit is None:
        return tiles, None
    needed = ~plain_cells(cells_of(image), runner.difference_fit, plain_levels)
    context = overlap_of(runner, side) // 2
    parts = planned(needed, image.shape[:2], side=side, context=context)
    work = sum(tile.area for tile, network in parts if network)
    if work > WORTHWHILE * sum(tile.area for tile in tiles):
        return tiles, None
    plain = PlainAreas(image, runner.scale, [tile for tile, network in parts if not network])
    return tuple(tile for tile, _ in parts), plain


def overlap_of(runner: Runner, tile: int) -> int:
    """How far tiles overlap, px of the input: at most as far as a pixel can see."""
    return min(2 * runner.reach, OVERLAP, tile // 2)


@dataclass(frozen=True, slots=True)
class Upscaled:
    """An enlarged image, and what it took."""

    pixels: Pixels  # (H * scale, W * scale, 3)
    tiles: tuple[Tile, ...]  # in pixels of the input
    bits: dict[str, Widths]  # site -> width of each tile, shape (tiles,)
    seconds: float
    plain_share: float = 0.0  # of the image: where the network was not run

    @property
    def average_bits(self) -> float | None:
        """As `mean_width`."""
        return mean_width(self.bits)


class Enlargement:
    """An image on its way through a network: iterate, and bands of rows come from the top.

    Only one band and a few tiles are held, so memory does not grow with the image. After the last
    band, `bits` are the widths of all `tiles`; see `Upscaled`.
    """

    def __init__(
        self,
        runner: Runner,
        image: Pixels,
        tiles: Sequence[Tile],
        *,
        plain: PlainAreas | None = None,
        track: Tracker = iter,
        self_ensemble: bool = False,
        margin: int = 0,
        watch: Callable[[Result], object] = lambda _: None,
    ) -> None:
        """Prepare.

        Args:
            runner: A network, as for `upscale`; each of its threads takes a tile, or a view of one.
            image: RGB, shape (H, W, 3), uint8 or uint16.
            tiles: What the image is cut into; see `bands`.
            plain: Which of them are interpolated; none if there is none.
            track: Yields the tiles it is given, one for each result.
            self_ensemble, margin: See `upscale`.
            watch: Called with each tile's result, in the order of the tiles; of a self-ensemble
                with that of each view of it.
        """
        self._runner, self._image, self._track, self._watch = runner, image, track, watch
        self._margin, self._plain = margin, plain
        self._orientations = EVERY_ORIENTATION if self_ensemble else (Orientation(),)
        height, width, _ = image.shape
        self.size = height * runner.scale, width * runner.scale
        self.tiles = tuple(tiles)
        self.bits: dict[str, Widths] = {}
        self.plain_share = 0.0 if plain is None else plain.share

    def __iter__(self) -> Generator[Pixels, None, None]:
        """Compute the bands (n, W * scale, 3), one for each row of tiles."""
        if self._runner.exact_bits is not None:
            self._runner = self._exactly(self._runner.exact_bits)
        scale, (_, width, _) = self._runner.scale, self._image.shape
        bits: defaultdict[str, list[float]] = defaultdict(list)
        views = ((tile, view) for tile in self.tiles for view in self._views(tile))
        coming, band, top, missing = bands(self.tiles, width), self._image[:0], 0, 0
        with closing(in_order(self._run, views, self._runner.threads)) as results:
            for tile in self._track(self.tiles):
                if not missing:
                    rows, missing = next(coming)
                    top, height = rows.start, rows.stop - rows.start
                    band = np.empty((height * scale, width * scale, 3), self._image.dtype)
                found = [*islice(results, len(self._views(tile)))]
                for one in found:
                    self._watch(one)
                result = mean_of(found)
                rows, columns = tile.owned(scale)
                rows = slice(rows.start - top * scale, rows.stop - top * scale)
                band[rows, columns] = from_values(result.pixels, band.dtype)
                for site, chosen in result.choices.items():
                    bits[site].append(chosen.bits)
                missing -= 1
                if not missing:
                    yield band
        kind = np.uint8 if len(self._orientations) == 1 else np.float32
        self.bits = {site: np.array(widths, kind) for site, widths in bits.items()}

    def _exactly(self, bits: float) -> Runner:
        """The network at the price by which its tiles get so many bits on average.

        What selectors see depends a little on the widths before them, so it is looked at twice.
        """
        runner = copy(self._runner)
        runner.exact_bits = None
        tiles = [t for t in self.tiles if self._plain is None or not self._plain.hold(t)]
        views = [(tile, view) for tile in tiles for view in self._views(tile)]
        before = self._runner
        self._runner = runner
        for _ in range(LOOKS if views else 0):
            with closing(in_order(self._run, views, runner.threads)) as results:
                chosen = [result.choices for result in results]
            runner.price = price_of(_scored(runner, chosen), bits)
        self._runner = before
        return runner

    def _run(self, view: tuple[Tile, Orientation]) -> Result:
        """What a tile gives in an orientation: upright, and only the pixels that it owns."""
        tile, orientation = view
        if self._plain is not None and self._plain.hold(tile):
            gradient = image_gradient(to_values(self._image[tile.read()]))
            choices = dict.fromkeys(self._runner.candidates, Chosen(0))
            return Result(self._plain.interpolated(tile), gradient, choices)
        height, width, _ = self._image.shape
        rows, columns = self._repeated(tile.rows, height), self._repeated(tile.columns, width)
        read = self._image[tile.read()]
        if self._margin:
            read = np.pad(read, (rows, columns, (0, 0)), mode="edge")
        result = self._runner.run(orientation.view(to_values(read)))
        pixels = orientation.upright(result.pixels)
        keep_pure(read, pixels)
        scale = self._runner.scale
        pixels = pixels[rows[0] * scale :, columns[0] * scale :]
        pixels = pixels[tile.inner(scale)]
        if self._plain is not None:
            self._plain.join(tile, pixels)
        return replace(result, pixels=pixels)

    def _views(self, tile: Tile) -> Sequence[Orientation]:
        """The orientations to enlarge a tile in."""
        interpolated = self._plain is not None and self._plain.hold(tile)
        return self._orientations[:1] if interpolated else self._orientations

    def _repeated(self, span: Span, length: int) -> tuple[int, int]:
        """How many pixels to add before and after a span of an axis."""
        return self._margin * (span.start == 0), self._margin * (span.stop == length)


def _scored(runner: Runner, chosen: Sequence[Mapping[str, Chosen]]) -> list[Scored]:
    """What was said of each tile at each site."""
    found = []
    for site, widths in runner.candidates.items():
        scores = [each[site].scores for each in chosen]
        said = [one for one in scores if one is not None]
        found.append(Scored(np.array(said or np.zeros((1, len(widths)))), np.array(widths, float)))
    return found


def upscale(
    runner: Runner,
    image: Pixels,
    *,
    tile: int = 0,
    track: Tracker = iter,
    self_ensemble: bool = False,
    margin: int = 0,
    plain_levels: float = 0,
) -> Upscaled:
    """Enlarge an image by the network's scale, wherever the network runs.

    Plain white and black areas stay what they are, see `imaging.pure`; everything else is as the
    network makes it. Few tiles are computed at a time; apart from the result, memory does not grow
    with the image.

    Args:
        runner: A network, such as `opening.Opener` and `networks.load` give it.
        image: RGB, shape (H, W, 3), uint8 or uint16, at least 1 x 1.
        tile: Side of a tile in pixels of the input; 0 chooses. Each tile gets widths of its own.
        track: Yields the tiles it is given, as a progress bar does.
        self_ensemble: Enlarge each tile in all its eight orientations and take the mean, of the
            results and of the widths. Eight times the work for a little more PSNR.
        margin: Pixels of the input to repeat the outermost ones by, see `MARGIN`. Tiles at the
            border grow by so much; the result does not.
        plain_levels: Where the network would hardly differ from bicubic interpolation, by at most
            so many 8-bit levels, that is taken instead; 0 runs the network everywhere. Only
            networks that carry a `difference_fit` know where.

    Returns:
        The image in the type of the input, and the widths.

    Raises:
        InputError: the tile is too small.
        ValueError: the image is empty or not RGB.
    """
    began = time.perf_counter()
    tiles, plain = cut_of(runner, image, tile, plain_levels=plain_levels)
    run = Enlargement(
        runner,
        image,
        tiles,
        plain=plain,
        track=track,
        self_ensemble=self_ensemble,
        margin=margin,
    )
    result = np.empty((*run.size, 3), image.dtype)
    done = 0
    for band in run:
        result[done : done + len(band)] = band
        done += len(band)
    return Upscaled(result, tiles, run.bits, time.perf_counter() - began, run.plain_share)


def in_order(work: Callable[[T], R], items: Iterable[T], threads: int) -> Generator[R, None, None]:
    """The result of each item in turn, computed by several threads.

    At most twice as many items as threads are begun before their turn. Closing the iterator waits
    for those that are being computed, and drops the rest.

    Raises:
        Exception: What `work` raised for an item, in its turn.
    """
    if threads == 1:
        yield from map(work, items)
        return
    begun: deque[Future[R]] = deque()
    pool = ThreadPoolExecutor(threads)
    try:
        for item in items:
            begun.append(pool.submit(work, item))
            if len(begun) == 2 * threads:
                yield begun.popleft().result()
        while begun:
            yield begun.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
