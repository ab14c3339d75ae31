"""Where bit selectors start: trained on measured costs before the network itself is.

Left to themselves, selectors learn slowly which patch needs what: rounding errors are small, and
their effect on one step's loss drowns in the loss's own noise. It can be measured instead. A
rounding error of energy ``e`` in a channel of a site adds about ``e * |J|^2 / M`` to the energy of
the output's error, M being the channel's size and J the derivative of the output by it, whose norm
one random projection of the output estimates. With a price for every bit this tells what each
width would cost each patch, and a selector is a linear model of which is cheapest.

Where the output differs from the truth anyway, by ``m`` in the mean square, a small error that
adds ``e`` to it takes about ``4.3 e / m`` dB off the patch's PSNR. So with the truth at hand a
patch counts by ``1 / m``, and an error in a flat patch, where it shows, by more.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from cadyq_cli.quant.ranges import observing, sites
from cadyq_cli.quant.sites import DynamicSite, QuantSite
from cadyq_cli.quant.trace import Trace

LEARNING_STEPS = 400
CORRECTING_STEPS = 100  # after each correction of the price
LEARNING_RATE = 0.02
BISECTIONS = 60
CORRECTIONS = 10  # of the price, so that the selectors' own average meets the target
SMALLEST_ERROR = 255.0**-2  # mean square that no patch is taken to fall below, one level of 8 bit
WORST = 3.0  # bits that a wrong width may cost a patch in learning, so that no patch drowns others


@dataclass(slots=True)
class Measured:
    """What was measured at one site; P patches, K widths, C channels."""

    inputs: list[Tensor] = field(default_factory=list)  # (P, 2 + C), scaled for the selector
    errors: list[Tensor] = field(default_factory=list)  # (P, K), energy added to the output


def fit_selectors(
    network: torch.nn.Module,
    forward: Callable[[Tensor], tuple[Tensor, Trace]],
    batches: Sequence[Tensor],
    *,
    target_bits: float,
    truths: Sequence[Tensor] = (),
) -> None:
    """Train every selector of a network, and nothing else, to spend bits where they save most.

    Args:
        network: Its bounds must be set (`ranges.fit_ranges`); its selectors are changed in place.
        forward: Runs the network on a batch (N, 3, H, W).
        batches: Patches that stand for those to come; some hundreds in all.
        target_bits: The average width to spend.
        truths: What each batch should become; none: an error counts alike in every patch.
    """
    measured: dict[DynamicSite, Measured] = {
        site: Measured() for site in sites(network) if isinstance(site, DynamicSite)
    }
    worths = []
    for number, batch in enumerate(batches):
        output = _measure(network, forward, batch, measured, seed=number)
        worths.append(_worth(output, truths[number]) if truths else output.new_ones(len(output)))
    worth = torch.cat(worths)[:, None]  # (P, 1)
    inputs = {site: torch.cat(found.inputs) for site, found in measured.items()}
    errors = {site: torch.cat(found.errors) * worth for site, found in measured.items()}
    widths = torch.stack([site.widths for site in measured])[:, None]  # (S, 1, K)
    price = _price(torch.stack(list(errors.values())), widths, target_bits)
    nearest, selectors = math.inf, {}
    step, direction = 1.0, 0.0  # of the price's natural logarithm
    for correction in range(CORRECTIONS + 1):
        steps = CORRECTING_STEPS if correction else LEARNING_STEPS
        for site in measured:
            _learn(site, inputs[site], errors[site] / price + site.widths, steps)
        excess = _average_bits(inputs) - target_bits
        if abs(excess) < nearest:
            nearest = abs(excess)
            selectors = {site: copy.deepcopy(site.selector.state_dict()) for site in measured}
        if direction and direction != math.copysign(1.0, excess):
            step /= 2
        direction = math.copysign(1.0, excess)
        price *= math.exp(direction * step)
    for site, state in selectors.items():
        site.selector.load_state_dict(state)


def _measure(
    network: torch.nn.Module,
    forward: Callable[[Tensor], tuple[Tensor, Trace]],
    batch: Tensor,
    measured: dict[DynamicSite, Measured],
    *,
    seed: int,
) -> Tensor:
    """Add a batch to what was measured; returns the network's output."""
    seen: dict[DynamicSite, Tensor] = {}

    def keep(site: QuantSite, x: Tensor) -> None:
        if isinstance(site, DynamicSite):
            seen[site] = x

    with torch.enable_grad(), observing(network, keep):
        output, trace = forward(batch)
        generator = torch.Generator().manual_seed(seed)
        signs = torch.randint(2, output.shape, generator=generator).to(output) * 2 - 1
        slopes = torch.autograd.grad((output * signs).sum(), list(seen.values()))
    for (site, x), slope in zip(seen.items(), slopes, strict=True):
        x = x.detach()
        strength = slope.square().mean(dim=(2, 3))  # (N, C)
        energies = [(each - x).square().sum(dim=(2, 3)) * strength for each in site.roundings(x)]
        measured[site].errors.append(torch.stack(energies, dim=1).sum(dim=2))
        measured[site].inputs.append(site.inputs(trace.selector_inputs(site.name)).detach())
    return output.detach()


def _worth(output: Tensor, truth: Tensor) -> Tensor:
    """How much an error of some energy counts in each patch, shape (P,)."""
    return 1 / (output - truth).square().mean(dim=(1, 2, 3)).clamp_min(SMALLEST_ERROR)


@torch.no_grad()
def _average_bits(inputs: Mapping[DynamicSite, Tensor]) -> float:
    """The mean width that the selectors choose for what they saw."""
    chosen = [site.widths[site.selector(x).argmax(dim=1)].mean() for site, x in inputs.items()]
    return float(torch.stack(chosen).mean())


def _price(errors: Tensor, widths: Tensor, target_bits: float) -> float:
    """The price of a bit at which the cheapest widths average `target_bits`."""
    low, high = -60.0, 60.0  # of the natural logarithm
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        cheapest = (errors + torch.tensor(middle).exp() * widths).argmin(dim=2)
        bits = torch.gather(widths.expand_as(errors), 2, cheapest[..., None]).mean()
        low, high = (middle, high) if bits > target_bits else (low, middle)
    return float(torch.tensor(high).exp())


def _learn(site: DynamicSite, inputs: Tensor, costs: Tensor, steps: int) -> None:
    """Fit a selector to costs (P, K), in bits, by least expected cost over the cheapest."""
    costs = (costs - costs.amin(dim=1, keepdim=True)).clamp_max(WORST)
    optimiser = torch.optim.Adam(site.selector.parameters(), lr=LEARNING_RATE)
    with torch.enable_grad():
        for _ in range(steps):
            soft = site.selector(inputs).softmax(dim=1)
            optimiser.zero_grad()
            (soft * costs).sum(dim=1).mean().backward()
            optimiser.step()
    optimiser.zero_grad(set_to_none=True)
