"""Where the bounds of a network's sites start, before training moves them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from cadyq_cli.quant.limits import FAINTEST
from cadyq_cli.quant.rounding import encode
from cadyq_cli.quant.sites import DynamicSite, QuantSite, strength
from cadyq_cli.quant.trace import Trace

SAMPLES = 2**18  # values that a site's bounds are fitted to; with few, rare large ones are clipped
SHARE = SAMPLES // 4  # of them, at most, from one batch
CANDIDATES = 48  # bounds that are tried, evenly spaced in their logarithm
SMALLEST = 0.04  # of them, times the largest value
USUAL = 0.95  # share of the images that have the same bounds, where bounds can be relative


def sites(network: nn.Module) -> Iterator[QuantSite]:
    """The sites of a network that round, in the order of its modules."""
    return (module for module in network.modules() if isinstance(module, QuantSite))


@contextmanager
def observing(network: nn.Module, observer: Callable[[QuantSite, Tensor], None]) -> Iterator[None]:
    """Show every site's input to `observer` and clip nothing, as long as the context lasts."""
    observed = list(sites(network))
    for site in observed:
        site.observer = observer
    try:
        yield
    finally:
        for site in observed:
            site.observer = None


@torch.no_grad()
def follow_range(site: QuantSite, x: Tensor) -> None:
    """Set a site's bounds to the batch's range: the mean over images of max|x|.

    An observer for the paper's first epoch (section 4.1 and the released code).
    """
    values = site.spanned(x).abs() / site.magnitude(x)
    site.bounds.fill_(values.amax(dim=(1, 2, 3)).mean() * (2 if site.offsets else 1))


@torch.no_grad()
def fit_ranges(network: nn.Module, forward: Callable[[], Sequence[Trace]]) -> None:
    """Give every bound the value that rounds a sample of its site's inputs with least error.

    Relative bounds are the same for all images but the strongest few; `USUAL` tells how many. Also
    divides each selector's inputs by their mean and the root of their number, so that all matter
    alike and a step of training moves the scores of every site by as much.

    Args:
        network: Its sites are changed in place.
        forward: Runs the network on images that stand for those to come; gives their traces.
    """
    seen: dict[QuantSite, list[Tensor]] = {}
    strengths: dict[QuantSite, list[Tensor]] = {}
    generator = torch.Generator().manual_seed(0)

    def keep(site: QuantSite, x: Tensor) -> None:
        x = site.spanned(x.detach())
        strong = strength(x)
        channel = torch.arange(x.shape[1], device=x.device).view(-1, 1, 1)
        values = torch.stack([x, strong.expand_as(x), channel.expand_as(x).to(x)]).flatten(1)
        seen.setdefault(site, []).append(_sample(values, SHARE, generator))
        strengths.setdefault(site, []).append(strong.flatten())
        if len(seen[site]) == 1:
            follow_range(site, x)

    with observing(network, keep):
        traces = forward()
    for site, samples in seen.items():
        values, strong, channel = _sample(torch.cat(samples, dim=1), SAMPLES, generator)
        if site.relative:
            usual = torch.cat(strengths[site]).quantile(USUAL)
            site.faintest.copy_(usual.clamp_min(FAINTEST))
            values = values / strong.clamp_min(site.faintest)
        site.bounds.copy_(least_squares_bounds(values, channel.long(), site))
    scale_inputs(seen, traces)


@torch.no_grad()
def scale_inputs(sites: Iterable[nn.Module], traces: Sequence[Trace]) -> None:
    """Divide what selectors see by its usual size, as the traces of usual images tell it."""
    for site in sites:
        if isinstance(site, DynamicSite):
            inputs = torch.cat([trace.selector_inputs(site.name) for trace in traces])
            mean = inputs.mean(dim=0).clamp_min(1e-6)
            usual = mean if site.logarithmic else mean * inputs.shape[1] ** 0.5
            site.input_scale.copy_(1 / usual)


def least_squares_bounds(values: Tensor, channel: Tensor, site: QuantSite) -> Tensor:
    """The bound of each grid of a site, shape (K,), with least squared error on `values` (M,).

    `channel` (M,) tells of which channel each value is.
    """
    largest = values.abs().amax().clamp_min(1e-6) * (2 if site.offsets else 1)
    candidates = largest * torch.logspace(math.log10(SMALLEST), 0, CANDIDATES, device=values.device)
    best = []
    for divisions, *ends in zip(*site.grids, strict=True):
        lowest, highest = (end[channel] if len(end) > 1 else end for end in ends)
        errors = []
        for bound in candidates:
            step = bound / divisions
            rounded = encode(values, step, lowest, highest) * step
            errors.append((rounded - values).square().sum())
        best.append(candidates[torch.stack(errors).argmin()])
    return torch.stack(best)


def _sample(values: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Some of the values (..., M), or all if there are no more than `count`."""
    number = values.shape[-1]
    if number <= count:
        return values
    chosen = torch.randint(number, (count,), generator=generator)
    return values[..., chosen.to(values.device)]
