"""Enlarges an image of any size, tile by tile, and tells which bit-widths each tile got."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from cadyq_cli.checkpoint import Network
from cadyq_cli.errors import InputError
from cadyq_cli.imaging.alpha import bled
from cadyq_cli.imaging.picture import Picture
from cadyq_cli.imaging.pixels import from_planes, to_planes
from cadyq_cli.imaging.resize import imresize
from cadyq_cli.imaging.tiles import Tile, tiles

TILE = 96  # px of the input: the patch for which the paper chooses bit-widths
OVERLAP = 16  # px of the input that neighbouring tiles share
SMALLEST_TILE = 2 * OVERLAP  # below, most of the work would be done several times

Pixels = NDArray[np.uint8 | np.uint16]


@dataclass(frozen=True, slots=True)
class Upscaled:
    """An enlarged image, and what it took."""

    pixels: Pixels  # (H * scale, W * scale, 3)
    tiles: tuple[Tile, ...]  # in pixels of the input
    bits: dict[str, NDArray[np.uint8]]  # site -> width of each tile, shape (tiles,)
    seconds: float

    @property
    def average_bits(self) -> float | None:
        """Mean width over all tiles and sites, the paper's FAB; None for a float network."""
        if not self.bits:
            return None
        return float(np.mean([widths.mean() for widths in self.bits.values()]))


def upscale(
    network: Network,
    image: Pixels,
    *,
    tile: int = 0,
    track: Callable[[Sequence[Tile]], Iterable[Tile]] = iter,
) -> Upscaled:
    """Enlarge an image by the network's scale, on the device that holds the network.

    The device sees one tile at a time; apart from the result, memory does not grow with the image.

    Args:
        network: As `checkpoint.load` returns it.
        image: RGB, shape (H, W, 3), uint8 or uint16, at least 1 x 1.
        tile: Edge of a tile in pixels of the input; 0 chooses. Each tile gets widths of its own.
        track: Hands out the tiles it is given, such as a progress bar.

    Returns:
        The image in the type of the input, and the widths.

    Raises:
        InputError: the tile is too small.
        ValueError: the image is empty or not RGB.
    """
    if tile and tile < SMALLEST_TILE:
        raise InputError(f"a tile of {tile} px is too small, the least is {SMALLEST_TILE}")
    if image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(f"an RGB image has the shape (H, W, 3), not {image.shape}")
    began = time.perf_counter()
    height, width, _ = image.shape
    scale = network.card.scale
    device = next(network.parameters()).device
    plan = tuple(tiles(height, width, tile or TILE, OVERLAP))
    result = np.empty((height * scale, width * scale, 3), image.dtype)
    bits: defaultdict[str, list[int]] = defaultdict(list)
    with torch.inference_mode():
        for part in track(plan):
            planes = torch.from_numpy(to_planes(image[part.read()]))
            enlarged, trace = network(planes[None].to(device))
            pixels = from_planes(enlarged[0].cpu().numpy(), image.dtype)
            result[part.owned(scale)] = pixels[part.inner(scale)]
            for site, widths in trace.bits.items():
                bits[site].append(int(widths))
    return Upscaled(
        pixels=result,
        tiles=plan,
        bits={site: np.array(widths, np.uint8) for site, widths in bits.items()},
        seconds=time.perf_counter() - began,
    )


def upscale_picture(
    network: Network,
    picture: Picture,
    *,
    tile: int = 0,
    track: Callable[[Sequence[Tile]], Iterable[Tile]] = iter,
) -> tuple[Picture, Upscaled]:
    """Enlarge a picture with all that belongs to it; see `upscale`.

    Gray stays gray. Transparency is enlarged by bicubic interpolation, and no colour of a hidden
    pixel gets into a visible one.
    """
    pixels, alpha = picture.pixels, picture.alpha
    if alpha is not None:
        pixels = bled(pixels, alpha)
    result = upscale(network, pixels, tile=tile, track=track)
    pixels = result.pixels
    if picture.gray:  # the network makes nearly the same of three equal channels
        pixels = np.broadcast_to(pixels[..., 1:2], pixels.shape)
    if alpha is not None:
        alpha = imresize(alpha, pixels.shape[:2])
    return replace(picture, pixels=pixels, alpha=alpha), result
