"""From a float network and pictures to a network in whole numbers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, replace
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from cadyq_cli.calibration.crops import Crops, Pixels, crops_of
from cadyq_cli.calibration.fidelity import Fidelity, enlarged, fidelity
from cadyq_cli.calibration.layers import quant_layers
from cadyq_cli.calibration.settings import Settings
from cadyq_cli.calibration.spans import ends_at_sites, hold_spans, set_grids
from cadyq_cli.calibration.weights import fit_weights
from cadyq_cli.errors import InputError
from cadyq_cli.networks.network import Network
from cadyq_cli.outer_layers.composing import with_composed_tail
from cadyq_cli.quant.costs import Costs, measured_costs
from cadyq_cli.quant.dial import dial_of
from cadyq_cli.quant.limits import FAINTEST
from cadyq_cli.quant.ranges import USUAL, observing, scale_inputs, sites
from cadyq_cli.quant.selection import learn_widths
from cadyq_cli.quant.sites import QuantSite, strength
from cadyq_cli.training.starts.carrying import requantize

LOSS = 0.05  # dB that may be lost where nobody says how many bits to spend
USUAL_BITS = 6.0  # while the weights are fitted, where the average is not known yet
SHARES = (1.0, 0.9, 0.8, 0.7, 0.6)  # of the bounds, that are tried
HALVINGS = 3  # of the averages that are possible
HELD_OUT = 20  # crops
CROPS = 20, 64  # at least and at most
PASSES = 18.0  # float passes over a crop that all of it takes the time of
FIXED = 25.0  # seconds that it takes whatever the number of crops

Tell = Callable[[str], object]


class Calibrated(NamedTuple):
    """A network in whole numbers, and how good it is."""

    network: Network
    fidelity: Fidelity


def calibrated(
    source: Network,
    pictures: Sequence[Pixels],
    settings: Settings = Settings(),  # noqa: B008, immutable
    *,
    tell: Tell = lambda _: None,
) -> Calibrated:
    """Quantize a trained float network by what pictures show, without any training.

    Args:
        source: The float network; it is not changed.
        pictures: RGB, (H, W, 3); some are held out to measure the result.
        settings: What to aim at.
        tell: Is told what is being done.

    Raises:
        InputError: a network that is quantized already.
        UncompilableError: the engine cannot run this network.
    """
    if source.card.precision != "float":
        raise InputError(f"it is {source.card.precision} already; calibrate takes float networks")
    torch.manual_seed(settings.seed)
    source = with_composed_tail(source).eval()
    network = requantize(source, *_execution(settings)).eval()
    layers = list(quant_layers(network))
    tell("looking at features")
    crops, held_out = _crops(source, pictures, settings)
    modules = {
        name: site for name, site in network.backbone.named_modules() if site in {*sites(network)}
    }
    set_grids(modules, ends_at_sites(source, modules, crops.low.split(8)))
    for layer in layers:
        hold_spans(layer)
    _follow_strengths(network, modules.values(), crops)
    tell("measuring what bits are worth")
    costs = measured_costs(
        network,
        network,
        crops.low.split(8),
        truths=crops.high.split(8) if source.scale > 1 or settings.degradation.happens else (),
        pictures=crops.picture,
        shares=SHARES if settings.narrow_bounds else (1.0,),
    )
    if not settings.static:
        learn_widths(costs, settings.bits or min(USUAL_BITS, max(settings.widths)))
    tell("rounding weights")
    fit_weights(network, source, layers, crops.low, settings)
    tell("measuring the result")
    exact, _ = enlarged(source, held_out.low)
    found = fidelity(network, held_out, exact)
    if not settings.static and settings.bits is None:
        tell("choosing how many bits to spend")
        found = _fewest_bits(costs, settings, lambda: fidelity(network, held_out, exact))
    if not settings.static:
        network.card = replace(network.card, dial=_dial(network, crops))
    return Calibrated(network, found)


@torch.no_grad()
def _dial(network: Network, crops: Crops) -> dict[str, list[float]]:
    return dial_of(network, [network(batch)[1] for batch in crops.low.split(8)])


def _execution(settings: Settings) -> tuple[str, dict[str, Any]]:
    """Precision and layers of the quantized network."""
    kept = ("channel_steps", "channel_ranges", "offsets", "relative", "weight_bits")
    layers = {name: value for name, value in asdict(settings).items() if name in kept}
    layers |= {"unsigned": True, "edges": "static"}
    if settings.static:  # the same bounds for all patches spare a look at each
        return "static", layers | {"bits": settings.width, "relative": False}
    return "dynamic", layers | {"widths": sorted(settings.widths), "logarithmic": True}


@torch.no_grad()
def _follow_strengths(network: Network, rounding: Iterable[nn.Module], crops: Crops) -> None:
    """Let bounds grow with strong patches, and selectors see what is usual as 1."""
    found: dict[QuantSite, list[Tensor]] = {}

    def note(site: QuantSite, x: Tensor) -> None:
        found.setdefault(site, []).append(strength(site.spanned(x)).flatten())

    with observing(network, note):
        traces = [network(batch)[1] for batch in crops.low.split(8)]
    for site, strengths in found.items():
        if site.relative:
            site.faintest.copy_(torch.cat(strengths).quantile(USUAL).clamp_min(FAINTEST))
            site.bounds.div_(site.faintest)
    scale_inputs(rounding, traces)


def _crops(source: Network, pictures: Sequence[Pixels], settings: Settings) -> tuple[Crops, Crops]:
    """Crops to calibrate on, as many as there is time for, and others of other pictures."""
    random = np.random.default_rng(settings.seed)
    order = [pictures[i] for i in random.permutation(len(pictures))]
    apart = max(1, len(order) // 4)
    by = settings.degradation
    held_out = crops_of(order[:apart], source.scale, HELD_OUT, random, by)
    began = time.perf_counter()
    enlarged(source, held_out.low[:4])
    for_each = PASSES * (time.perf_counter() - began) / 4
    count = int((settings.seconds - FIXED) / for_each)
    count = min(max(count, CROPS[0]), CROPS[1])
    return crops_of(order[apart:], source.scale, count, random, by), held_out


def _fewest_bits(costs: Costs, settings: Settings, measure: Callable[[], Fidelity]) -> Fidelity:
    """Let selectors spend the fewest bits at which at most `LOSS` is expected to be lost."""
    low, high = float(min(settings.widths)), float(max(settings.widths))
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        learn_widths(costs, middle)
        enough = measure().expected_loss <= LOSS
        low, high = (low, middle) if enough else (middle, high)
    learn_widths(costs, high)
    return measure()
