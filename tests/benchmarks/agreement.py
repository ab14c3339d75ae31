"""How often the int8 engine chooses PyTorch's widths, and how far its results are from PyTorch's.

    python tests/benchmarks/agreement.py SET... [--models NAMES] [--scale N]

For each shipped dynamic network and test set, by the papers' protocol (patches of 96 px): the share
of (site, patch) pairs with the same width, and the engine's PSNR less that of PyTorch.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from cadyq_cli.engine.native.kernels import NativeKernels
from cadyq_cli.evaluation.enlargers import NetworkEnlarger
from cadyq_cli.evaluation.pairs import discover
from cadyq_cli.evaluation.protocol import Comparison, Patches, measure
from cadyq_cli.networks import load, shipped
from cadyq_cli.opening import load_executable

MODELS = ("edsr", "carn", "idn", "srresnet", "span")


def compare(weights: Path, folder: Path) -> tuple[int, int, float]:
    """Pairs with the same width, all pairs, and the mean difference in PSNR, dB."""
    network = load(weights)
    enlargers = [
        NetworkEnlarger(runner) for runner in (load_executable(weights, NativeKernels()), network)
    ]
    patches, comparison = Patches(size=96), Comparison(border=network.card.scale)
    alike = pairs = 0
    gains = []
    for source in discover(folder, network.card.scale).sources:
        ours, theirs = (
            measure(enlarger, source, patches=patches, compare=comparison) for enlarger in enlargers
        )
        for site, widths in theirs.widths.items():
            alike += int((ours.widths[site] == widths).sum())
            pairs += widths.size
        gains.append(ours.psnr - theirs.psnr)
    return alike, pairs, float(np.mean(gains))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("sets", type=Path, nargs="+", metavar="SET", help="folders of test images")
    parser.add_argument("--models", nargs="+", default=MODELS, choices=MODELS)
    parser.add_argument("--scale", type=int, default=4, choices=(2, 3, 4))
    arguments = parser.parse_args()
    for model in arguments.models:
        weights = shipped.find(model, arguments.scale)
        for folder in arguments.sets:
            alike, pairs, gain = compare(weights, folder)
            share = f"{alike} of {pairs} widths ({alike / pairs:.3%})"
            print(f"{weights.stem:12} {folder.name:8} {share}, {gain:+.4f} dB", flush=True)


if __name__ == "__main__":
    main()
