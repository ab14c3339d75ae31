"""What each part of the quantization gains, and whether it pays to choose widths by content.

    python tests/benchmarks/ablation.py FLOAT --photos DIR --data DIR [--steps N] [--claim]

A float network is quantized in several ways, each trained for as many steps on the same crops from
the same start, to the same average width. The first way is that of the recipe `quick`; each other
one differs from it in one thing. Then the claim of the method, on the first way's network: its
widths against the best fixed width of each site at the same average, trained alike; and against its
own widths, dealt out to other patches. Differences in PSNR are paired over the images, with a 95 %
interval of their mean.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from cadyq_cli.engine.allocator import keep_freed_memory
from cadyq_cli.engine.native.kernels import NativeKernels
from cadyq_cli.evaluation.enlargers import NetworkEnlarger
from cadyq_cli.evaluation.pairs import discover
from cadyq_cli.evaluation.protocol import Comparison, Measured, Patches, measure
from cadyq_cli.networks.file import load
from cadyq_cli.networks.network import Network
from cadyq_cli.opening import executable_of
from cadyq_cli.quant.ranges import fit_ranges, sites
from cadyq_cli.quant.selection import fit_selectors
from cadyq_cli.quant.sites import DynamicSite
from cadyq_cli.training.data.crops import Crops
from cadyq_cli.training.data.survey import find
from cadyq_cli.training.learning.trainer import Trainer
from cadyq_cli.training.recipes.plan import read_plan
from cadyq_cli.training.recipes.recipe import Recipe
from cadyq_cli.training.starts.carrying import requantize

PATCHES = Patches(size=96)
MEASURED = 64  # batches that selectors are fitted to
RANGES = 4  # and bounds


@dataclass(frozen=True, kw_only=True)
class Way:
    """How a network is quantized, where that is not as usual."""

    layers: Mapping[str, Any] = field(default_factory=dict)
    recipe: Mapping[str, Any] = field(default_factory=dict)
    fixed: bool = False  # one width for each site, whatever the patch


USUAL = "as the recipe quick"
WAYS = {
    USUAL: Way(),
    "signed grids": Way(layers={"unsigned": False}),
    "bounds that are values": Way(layers={"relative": False}),
    "selectors that see no logarithms": Way(layers={"logarithmic": False}),
    "widths of 4, 6 and 8 bit": Way(layers={"widths": (4, 6, 8)}),
    "without a teacher": Way(recipe={"distill_output": 0.0, "truth": 1.0}),
    "selectors learn by a bit price": Way(
        recipe={"measure_selectors": False, "selector_rate": 0.02, "bit_price": 1e-3}
    ),
}

Results = dict[str, list[Measured]]  # by test set


def quantized(network: Network, way: Way, recipe: Recipe, photos: Crops) -> Network:
    """Train a float network to compute with few bits."""
    recipe = replace(recipe, **way.recipe)
    layers = {"unsigned": True, "relative": True, "logarithmic": True, "widths": (3, 4, 5, 6, 8)}
    layers |= way.layers
    student = requantize(network, "dynamic", layers).eval()
    unseen = range(recipe.steps, recipe.steps + MEASURED)
    pairs = [photos.batch(step, recipe.batch, recipe.patch) for step in unseen]
    lows, highs = zip(*pairs, strict=True)
    fit_ranges(student, lambda: [student(low)[1] for low in lows[:RANGES]])
    if way.fixed:
        for site in dynamic_sites(student):
            site.input_scale.zero_()  # leaves the selectors their biases
    if recipe.measure_selectors and recipe.target_bits is not None:
        fit_selectors(student, student, lows, target_bits=recipe.target_bits, truths=highs)
    trainer = Trainer(student, recipe, photos, network)
    trainer.run(lambda _: None)
    return trainer.average.eval()


def dynamic_sites(network: nn.Module) -> Iterator[DynamicSite]:
    return (site for site in sites(network) if isinstance(site, DynamicSite))


def measured(network: Network, data: list[Path], *, in_torch: bool = False) -> Results:
    enlarger = NetworkEnlarger(network if in_torch else executable_of(network, NativeKernels()))
    scale = network.card.scale
    compare = Comparison(border=scale)
    return {
        folder.name: [
            measure(enlarger, source, patches=PATCHES, compare=compare)
            for source in discover(folder, scale).sources
        ]
        for folder in data
    }


class Dealt(nn.Module):
    """A selector that gives one patch after the other what a list says."""

    def __init__(self, indices: Tensor, count: int) -> None:
        super().__init__()
        self._scores = iter(one_hot(indices, count).float())

    def forward(self, inputs: Tensor) -> Tensor:
        return torch.stack([next(self._scores) for _ in inputs])


def shuffled(network: Network, results: Results, data: list[Path]) -> Results:
    """The same with all widths of a patch given to another patch of the set."""
    found: Results = {}
    kept = {site: site.selector for site in dynamic_sites(network)}
    for folder in data:
        images = results[folder.name]
        order: Tensor | None = None
        for site in kept:
            bits = torch.from_numpy(np.concatenate([image.widths[site.name] for image in images]))
            if order is None:
                order = torch.randperm(len(bits), generator=torch.Generator().manual_seed(0))
            indices = (bits[order][:, None] == site.widths).int().argmax(dim=1)
            site.selector = Dealt(indices, len(site.widths))  # type: ignore[assignment]
        found |= measured(network, [folder], in_torch=True)
    for site, selector in kept.items():
        site.selector = selector
    return found


def average_bits(images: list[Measured]) -> float:
    return float(np.mean([image.average_bits or 32 for image in images]))


def show(name: str, results: Results) -> None:
    cells = [
        f"{np.mean([image.psnr for image in images]):.3f} / {average_bits(images):.2f}"
        for images in results.values()
    ]
    print(f"| {name} | {' | '.join(cells)} |", flush=True)


def show_difference(name: str, ours: Results, theirs: Results) -> None:
    cells = []
    for folder, images in ours.items():
        pairs = zip(images, theirs[folder], strict=True)
        gains = np.array([a.psnr - b.psnr for a, b in pairs])
        reach = 1.96 * gains.std(ddof=1) / len(gains) ** 0.5
        cells.append(
            f"{gains.mean():+.3f} ({gains.mean() - reach:+.3f} to {gains.mean() + reach:+.3f})"
        )
    print(f"| {name} | {' | '.join(cells)} |", flush=True)


def head(title: str, data: list[Path]) -> None:
    names = [folder.name for folder in data]
    print(f"\n| {title} | {' | '.join(names)} |\n|{'---|' * (len(names) + 1)}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("network", type=Path, metavar="FLOAT")
    parser.add_argument("--photos", type=Path, action="append", required=True)
    parser.add_argument("--data", type=Path, action="append", required=True)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--bits", type=float, default=5.0)
    parser.add_argument("--claim", action="store_true", help="the claim only, not the parts")
    arguments = parser.parse_args()
    keep_freed_memory()
    network, data = load(arguments.network), arguments.data
    recipe = replace(
        read_plan("quick").recipes["dynamic"],
        steps=arguments.steps,
        target_bits=arguments.bits,
        average=0.98,
    )
    photos = Crops(find(arguments.photos), network.card.scale, seed=recipe.seed)
    head("PSNR in dB / average bits", data)
    show("float", measured(network, data))
    results: dict[str, Results] = {}
    networks: dict[str, Network] = {}
    for name, way in WAYS.items():
        if arguments.claim and name != USUAL:
            continue
        networks[name] = quantized(network, way, recipe, photos)
        results[name] = measured(networks[name], data)
        show(name, results[name])

    ours = results[USUAL]
    bits = float(np.mean([average_bits(images) for images in ours.values()]))
    fixed_recipe = replace(recipe, target_bits=bits)
    fixed = measured(quantized(network, Way(fixed=True), fixed_recipe, photos), data)
    show("one width for each site", fixed)
    dealt = shuffled(networks[USUAL], ours, data)
    show("widths of other patches", dealt)
    head("by content, dB better than", data)
    show_difference("one width for each site", ours, fixed)
    show_difference("widths of other patches", ours, dealt)


if __name__ == "__main__":
    main()
