"""How visible the borders of tiles are, and what it costs to hide them.

    python tests/benchmarks/seams.py PHOTO... [--weights FILE]

A photograph's middle is enlarged in three tiles by three and in one tile, with the same widths and
ranges, and compared where an image of any size repeats itself: from the middle of the first tile's
step to that of the last one's. Pixels that differ by more than one 8-bit step, in any channel, are
seams. The work is that of one tile without overlap, for each pixel.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from cadyq_cli.engine.native.kernels import NativeKernels
from cadyq_cli.engine.runner import Runner
from cadyq_cli.imaging.files import read
from cadyq_cli.imaging.pixels import to_values
from cadyq_cli.imaging.tiles import tiles
from cadyq_cli.networks import Network, load, shipped
from cadyq_cli.opening import executable_of
from cadyq_cli.quant.ranges import observing
from cadyq_cli.quant.sites import DynamicSite, QuantSite
from cadyq_cli.upscaling import Enlargement, Pixels, Upscaled, upscale

SETTINGS = [(96, overlap) for overlap in (16, 24, 32, 40)] + [
    (tile, overlap) for tile in (128, 160, 192, 256) for overlap in (32, 40, 64)
]
ENOUGH = 0.999


def middle(image: Pixels, edge: int) -> Pixels:
    top, left = ((length - edge) // 2 for length in image.shape[:2])
    return image[top : top + edge, left : left + edge]


def alike_everywhere(network: Network, image: Pixels, result: Upscaled) -> Runner:
    """The network, choosing the same widths and ranges for every patch."""
    ranges: dict[QuantSite, float] = {}

    def keep(site: QuantSite, x: Tensor) -> None:
        ranges[site] = float(site.magnitude(x).max())

    with torch.inference_mode(), observing(network, keep):
        network(torch.from_numpy(to_values(middle(image, 96))).permute(2, 0, 1)[None])
    for site, magnitude in ranges.items():
        if site.relative:
            site.relative = False
            site.bounds.data *= magnitude
        if isinstance(site, DynamicSite):
            chosen = site.widths == float(result.bits[site.name][0])
            site.selector.weight.data.zero_()
            site.selector.bias.data = chosen.float()
    return executable_of(network, NativeKernels())


def share_without_seams(runner: Runner, image: Pixels, tile: int, overlap: int) -> float:
    """Of the pixels whose surroundings repeat themselves."""
    step = tile - overlap
    part = middle(image, tile + 2 * step)
    cut = tuple(tiles(len(part), len(part), tile, overlap))
    whole = upscale(runner, part, tile=len(part)).pixels.astype(int)
    tiled = np.concatenate([*Enlargement(runner, part, cut)])
    inner = slice((overlap + step) // 2 * runner.scale, (overlap + 5 * step) // 2 * runner.scale)
    return float((np.abs(tiled - whole)[inner, inner].max(axis=2) <= 1).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("photos", type=Path, nargs="+", metavar="PHOTO")
    parser.add_argument("--weights", type=Path, default=shipped.find("edsr", 4))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    images = {path.stem: read(path).pixels for path in arguments.photos}
    runners = {}
    for name, image in images.items():
        free = executable_of(load(arguments.weights), NativeKernels())
        chosen = upscale(free, middle(image, 240), tile=240)
        print(f"{name}: {chosen.average_bits or 32:.2f} bits on average")
        runners[name] = alike_everywhere(load(arguments.weights), image, chosen)
    print(f"\n| tile | overlap | work | {' | '.join(images)} |")
    print("|---" * (3 + len(images)) + "|")
    for tile, overlap in SETTINGS:
        work = (tile / (tile - overlap)) ** 2
        shares = [
            share_without_seams(runners[name], image, tile, overlap)
            for name, image in images.items()
        ]
        row = " | ".join(f"{share:.3%}{'' if share >= ENOUGH else ' *'}" for share in shares)
        print(f"| {tile} | {overlap} | {work:.2f} | {row} |", flush=True)


if __name__ == "__main__":
    main()
