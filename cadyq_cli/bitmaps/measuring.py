"""Runs a network over a picture to see where the bits go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from cadyq_cli.bitmaps.grid import centred_tiles
from cadyq_cli.bitmaps.numbers import BitMap, Reasons
from cadyq_cli.bitmaps.tints import Pixels
from cadyq_cli.bitmaps.views import View, visible
from cadyq_cli.engine.runner import Runner
from cadyq_cli.errors import InputError
from cadyq_cli.imaging import files
from cadyq_cli.imaging.alpha import bled
from cadyq_cli.imaging.metadata import Metadata
from cadyq_cli.imaging.picture import Picture
from cadyq_cli.imaging.resize import imresize
from cadyq_cli.imaging.tiles import Tile
from cadyq_cli.upscaling import MARGIN, TILE, Enlargement, Tracker, Widths, cut_of, overlap_of


def check_widths(runner: Runner, model: str) -> None:
    """Raise an `InputError` for a network, called `model`, that has no widths to show."""
    if not runner.candidates:
        raise InputError(f"{model} computes in floating point; there are no bit widths to show")


def map_of_run(
    runner: Runner,
    tiles: Sequence[Tile],
    bits: Mapping[str, Widths],
    *,
    file: str,
    model: str,
    reasons: Reasons | None = None,
) -> BitMap:
    """The map of a finished run, from the tiles of its input and the widths of each."""
    candidates = runner.candidates.values()
    return BitMap.of(
        tiles,
        bits,
        file=file,
        model=model,
        scale=runner.scale,
        widths=sorted({width for widths in candidates for width in widths}),
        reasons=reasons,
    )


def write_figure(path: Path, picture: Picture, found: BitMap, *, overwrite: bool) -> None:
    """Draw a map over its picture, in the usual style, and write it.

    Raises:
        InputError, ImageError: see `files.create`.
    """
    image = np.asarray(View().draw(visible(picture), found))
    figure = Picture(pixels=image, metadata=Metadata(icc=profile(picture)))
    files.write(path, figure, overwrite=overwrite)


def profile(picture: Picture) -> bytes | None:
    """The colour profile of a figure over a picture: the picture's own, unless it is gray."""
    return None if picture.colours == 1 else picture.metadata.icc


def bit_map(
    runner: Runner,
    picture: Picture,
    *,
    file: str,
    model: str,
    tile: int = 0,
    plain_levels: float = 0,
    finer: int = 1,
    patches_of: Runner | None = None,
    over_output: bool = False,
    track: Tracker = iter,
) -> tuple[BitMap, Pixels]:
    """The map of a picture, and what to draw it over, as 8-bit RGB on white.

    Args:
        runner: The network that is asked; it enlarges the patches.
        picture: What to enlarge.
        file: Name of the picture, for people.
        model: Name of the network, for people.
        tile: Side of a patch in pixels of the input; 0 chooses as `upscale` does.
        plain_levels: See `upscaling.upscale`; where `finer` is 1.
        finer: How many steps to take from one patch to the next. If more than one, each cell of the
            map shows the patch around its middle; see `grid`.
        patches_of: The network that decides how large patches overlap; None for this one.
        over_output: Return the enlarged picture instead of the original.
        track: Yields the tiles it is given, as a progress bar does.

    Raises:
        InputError: the network has no widths, or the tile is too small.
    """
    check_widths(runner, model)
    pixels = picture.pixels
    if picture.alpha is not None:
        pixels = bled(pixels, picture.alpha)
    reasons = Reasons()
    cutter = patches_of or runner
    tiles, plain = cut_of(cutter, pixels, tile, plain_levels=plain_levels if finer == 1 else 0)
    if finer > 1:
        (height, width, _), side = pixels.shape, tile or TILE
        tiles = centred_tiles(height, width, side, (side - overlap_of(cutter, side)) / finer)
    run = Enlargement(
        runner, pixels, tiles, plain=plain, track=track, margin=MARGIN, watch=reasons.watch
    )
    bands = [band for band in run if over_output]
    found = map_of_run(runner, tiles, run.bits, file=file, model=model, reasons=reasons)
    if not over_output:
        return found, visible(picture)
    alpha = picture.alpha if picture.alpha is None else imresize(picture.alpha, run.size)
    return found, visible(Picture(pixels=np.concatenate(bands), alpha=alpha))
