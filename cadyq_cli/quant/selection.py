"""Where bit selectors start: trained on measured costs before the network itself is.

Left to themselves, selectors learn slowly which patch needs what: rounding errors are small, and
their effect on one step's loss drowns in the loss's own noise. It can be measured instead. A
rounding error of energy ``e`` at a site adds about ``e * |J|^2 / M`` to the energy of the output's
error, M being the site's size and J the derivative of the output by the site's input, whose norm
one random projection of the output estimates. With a price for every bit this tells what each
width would cost each patch, and a selector is a linear model of which is cheapest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from cadyq_cli.quant.ranges import observing, sites
from cadyq_cli.quant.rounding import encode
from cadyq_cli.quant.sites import DynamicSite, QuantSite
from cadyq_cli.quant.trace import Trace

LEARNING_STEPS = 400
LEARNING_RATE = 0.02
BISECTIONS = 60
WORST = 8.0  # bits that a wrong width may cost a patch in learning, so that no patch drowns others


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
) -> None:
    """Train every selector of a network, and nothing else, to spend bits where they save most.

    Args:
        network: Its bounds must be set (`ranges.fit_ranges`); its selectors are changed in place.
        forward: Runs the network on a batch (N, 3, H, W).
        batches: Patches that stand for those to come; some hundreds in all.
        target_bits: The average width to spend.
    """
    measured: dict[DynamicSite, Measured] = {
        site: Measured() for site in sites(network) if isinstance(site, DynamicSite)
    }
    for number, batch in enumerate(batches):
        _measure(network, forward, batch, measured, seed=number)
    errors = torch.stack([torch.cat(m.errors) for m in measured.values()])  # (S, P, K)
    widths = torch.stack([site.widths for site in measured])[:, None]  # (S, 1, K)
    price = _price(errors, widths, target_bits)
    for site, found in measured.items():
        _learn(site, torch.cat(found.inputs), torch.cat(found.errors) / price + site.widths)


def _measure(
    network: torch.nn.Module,
    forward: Callable[[Tensor], tuple[Tensor, Trace]],
    batch: Tensor,
    measured: dict[DynamicSite, Measured],
    *,
    seed: int,
) -> None:
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
        strength = slope.square().mean(dim=(1, 2, 3))
        bounds = site.bounds.detach().view(-1, 1, 1, 1, 1) * site.magnitude(x)  # (K, N, 1, 1, 1)
        energies = []
        for bound, highest in zip(bounds, site.highest, strict=True):
            codes, step = encode(x, bound, highest, unsigned=site.unsigned)
            energies.append((codes * step - x).square().sum(dim=(1, 2, 3)))
        measured[site].errors.append(torch.stack(energies, dim=1) * strength[:, None])
        measured[site].inputs.append(trace.selector_inputs(site.name) * site.input_scale)


def _price(errors: Tensor, widths: Tensor, target_bits: float) -> float:
    """The price of a bit at which the cheapest widths average `target_bits`."""
    low, high = -60.0, 60.0  # of the natural logarithm
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        cheapest = (errors + torch.tensor(middle).exp() * widths).argmin(dim=2)
        bits = torch.gather(widths.expand_as(errors), 2, cheapest[..., None]).mean()
        low, high = (middle, high) if bits > target_bits else (low, middle)
    return float(torch.tensor(high).exp())


def _learn(site: DynamicSite, inputs: Tensor, costs: Tensor) -> None:
    """Fit a selector to costs (P, K), in bits, by least expected cost over the cheapest."""
    inputs = inputs.detach()
    costs = (costs - costs.amin(dim=1, keepdim=True)).clamp_max(WORST)
    optimiser = torch.optim.Adam(site.selector.parameters(), lr=LEARNING_RATE)
    with torch.enable_grad():
        for _ in range(LEARNING_STEPS):
            soft = site.selector(inputs).softmax(dim=1)
            optimiser.zero_grad()
            (soft * costs).sum(dim=1).mean().backward()
            optimiser.step()
    optimiser.zero_grad(set_to_none=True)
