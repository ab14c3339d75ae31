"""Where bit selectors start: trained on measured costs before the network itself is.

Left to themselves, selectors learn slowly which patch needs what: rounding errors are small, and
their effect on one step's loss drowns in the loss's own noise. What each width costs can be
measured instead (`quant.costs`). With a price for every bit that tells which one is cheapest for
each patch, and a selector is a linear model of which.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from cadyq_cli.quant.costs import Costs, measured_costs
from cadyq_cli.quant.sites import DynamicSite
from cadyq_cli.quant.trace import Trace

LEARNING_STEPS = 400
CORRECTING_STEPS = 100  # after each correction of the price
LEARNING_RATE = 0.02
BISECTIONS = 60
CORRECTIONS = 10  # of the price, so that the selectors' own average meets the target
DOUBT = 2.0  # of few patches: over their number, the price of a selector's squared weights
WORST = 3.0  # bits that a wrong width may cost a patch in learning, so that no patch drowns others


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
    learn_widths(measured_costs(network, forward, batches, truths=truths), target_bits)


def learn_widths(costs: Costs, target_bits: float) -> None:
    """The same once costs are measured; the selectors of their sites are changed in place."""
    widths = torch.stack([site.widths for site in costs.errors])[:, None]  # (S, 1, K)
    price = _price(torch.stack(list(costs.errors.values())), widths, target_bits)
    nearest, selectors = math.inf, {}
    step, direction = 1.0, 0.0  # of the price's natural logarithm
    for correction in range(CORRECTIONS + 1):
        _learn(costs, price, CORRECTING_STEPS if correction else LEARNING_STEPS)
        excess = _average_bits(costs.inputs) - target_bits
        if abs(excess) < nearest:
            nearest = abs(excess)
            selectors = {site: copy.deepcopy(site.selector.state_dict()) for site in costs.inputs}
        if direction and direction != math.copysign(1.0, excess):
            step /= 2
        direction = math.copysign(1.0, excess)
        price *= math.exp(direction * step)
    for site, state in selectors.items():
        site.selector.load_state_dict(state)


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


def _learn(costs: Costs, price: float, steps: int) -> None:
    """Fit selectors to costs, in bits, by least expected cost over the cheapest.

    Those of as many channels learn side by side, which takes the time of one.
    """
    alike: dict[tuple[int, ...], list[DynamicSite]] = {}
    for site in costs.inputs:
        alike.setdefault(tuple(site.selector.weight.shape), []).append(site)
    for some in alike.values():
        weight = torch.stack([site.selector.weight.detach() for site in some]).requires_grad_()
        bias = torch.stack([site.selector.bias.detach() for site in some]).requires_grad_()
        inputs = torch.stack([costs.inputs[site] for site in some])  # (S, P, 2 + C)
        bits = torch.stack([costs.errors[site] / price + site.widths for site in some])
        bits = (bits - bits.amin(dim=2, keepdim=True)).clamp_max(WORST)  # (S, P, K)
        optimiser = torch.optim.Adam((weight, bias), lr=LEARNING_RATE)
        with torch.enable_grad():
            for _ in range(steps):
                scores = torch.baddbmm(bias[:, None], inputs, weight.transpose(1, 2))
                optimiser.zero_grad()
                expected = (scores.softmax(dim=2) * bits).sum(dim=2).mean(dim=1)
                apart = (weight - weight.mean(dim=1, keepdim=True)).square().sum(dim=(1, 2))
                (expected + DOUBT / inputs.shape[1] * apart).sum().backward()
                optimiser.step()
        with torch.no_grad():
            for i, site in enumerate(some):
                site.selector.weight.copy_(weight[i])
                site.selector.bias.copy_(bias[i])
