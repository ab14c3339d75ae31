"""Enlarges an image of any size, tile by tile, and tells which bit-widths each tile got."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cadyq_cli.checkpoint import Network
from cadyq_cli.errors import InputError
from cadyq_cli.imaging.pixels import from_planes, to_planes
from cadyq_cli.imaging.tiles import Tile, tiles
from cadyq_cli.quant.trace import Trace
from cadyq_cli.self_ensemble import ensembled

TILE = 96  # px of the input: the patch for which the paper chooses bit-widths
OVERLAP = 16  # px of the input that neighbouring tiles share
SMALLEST_TILE = 2 * OVERLAP  # below, most of the work would be done several times

Pixels = NDArray[np.uint8 | np.uint16]
Widths = NDArray[np.uint8 | np.float32]  # whole, unless a self-ensemble took the mean


Tracker = Callable[[Sequence[Tile]], Iterable[Tile]]  # hands out tiles, such as a progress bar


def mean_width(bits: Mapping[str, Widths]) -> float | None:
    """Mean width over all tiles and sites, the paper's FAB; None for a float network."""
    return float(np.mean([widths.mean() for widths in bits.values()])) if bits else None


@dataclass(frozen=True, slots=True)
class Upscaled:
    """An enlarged image, and what it took."""

    pixels: Pixels  # (H * scale, W * scale, 3)
    tiles: tuple[Tile, ...]  # in pixels of the input
    bits: dict[str, Widths]  # site -> width of each tile, shape (tiles,)
    seconds: float

    @property
    def average_bits(self) -> float | None:
        """As `mean_width`."""
        return mean_width(self.bits)


class Enlargement:
    """An image on its way through a network: iterate, and bands of rows come from the top.

    The device sees one tile at a time and one band is held, so that memory does not grow with the
    image. Once the last band has come, `bits` are the widths of all `tiles`; see `Upscaled`.
    """

    def __init__(
        self,
        network: Network,
        image: Pixels,
        *,
        tile: int = 0,
        track: Tracker = iter,
        self_ensemble: bool = False,
        overlap: int = OVERLAP,
        watch: Callable[[Trace], object] = lambda _: None,
    ) -> None:
        """Prepare; arguments and errors as for `upscale`.

        Args:
            overlap: Pixels of the input that neighbouring tiles share; the more, the finer is the
                grid of what each tile owns.
            watch: Is shown how the widths of each tile came about, but not in a self-ensemble.
        """
        if tile and tile < SMALLEST_TILE:
            raise InputError(f"a tile of {tile} px is too small, the least is {SMALLEST_TILE}")
        if image.ndim != 3 or image.shape[2] != 3:
            raise ValueError(f"an RGB image has the shape (H, W, 3), not {image.shape}")
        height, width, _ = image.shape
        self._image, self._network, self._track = image, network, track
        self._self_ensemble, self._watch = self_ensemble, watch
        self.size = height * network.card.scale, width * network.card.scale
        self.tiles = tuple(tiles(height, width, tile or TILE, overlap))
        self.bits: dict[str, Widths] = {}

    def __iter__(self) -> Iterator[Pixels]:
        """Compute the bands (n, W * scale, 3), one for each row of tiles."""
        scale, width = self._network.card.scale, self.size[1]
        bits: defaultdict[str, list[float]] = defaultdict(list)
        band = self._image[:0]
        for part in self._track(self.tiles):
            pixels, widths = self._run(part)
            rows, columns = part.owned(scale)
            if columns.start == 0:
                band = np.empty((rows.stop - rows.start, width, 3), self._image.dtype)
            band[:, columns] = pixels[part.inner(scale)]
            for site, width_there in widths.items():
                bits[site].append(width_there.item())
            if columns.stop == width:
                yield band
        kind = np.float32 if self._self_ensemble else np.uint8
        self.bits = {site: np.array(values, kind) for site, values in bits.items()}

    @torch.inference_mode()
    def _run(self, part: Tile) -> tuple[Pixels, dict[str, Tensor]]:
        """All of a tile's result, and its widths."""
        device = next(self._network.parameters()).device
        planes = torch.from_numpy(to_planes(self._image[part.read()]))[None].to(device)
        if self._self_ensemble:
            enlarged, bits = ensembled(self._network, planes)
        else:
            enlarged, trace = self._network(planes)
            self._watch(trace)
            bits = trace.bits
        return from_planes(enlarged[0].cpu().numpy(), self._image.dtype), bits


def upscale(
    network: Network,
    image: Pixels,
    *,
    tile: int = 0,
    track: Tracker = iter,
    self_ensemble: bool = False,
) -> Upscaled:
    """Enlarge an image by the network's scale, on the device that holds the network.

    The device sees one tile at a time; apart from the result, memory does not grow with the image.

    Args:
        network: As `checkpoint.load` returns it.
        image: RGB, shape (H, W, 3), uint8 or uint16, at least 1 x 1.
        tile: Edge of a tile in pixels of the input; 0 chooses. Each tile gets widths of its own.
        track: Hands out the tiles it is given, such as a progress bar.
        self_ensemble: Enlarge each tile in all its eight orientations and take the mean, of the
            results and of the widths. Eight times the work for a little more PSNR.

    Returns:
        The image in the type of the input, and the widths.

    Raises:
        InputError: the tile is too small.
        ValueError: the image is empty or not RGB.
    """
    began = time.perf_counter()
    run = Enlargement(network, image, tile=tile, track=track, self_ensemble=self_ensemble)
    result = np.empty((*run.size, 3), image.dtype)
    done = 0
    for band in run:
        result[done : done + len(band)] = band
        done += len(band)
    return Upscaled(result, run.tiles, run.bits, time.perf_counter() - began)
