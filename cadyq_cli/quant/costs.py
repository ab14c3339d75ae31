"""What each bit-width of a site costs each patch, measured without training.

A rounding error of energy ``e`` in a channel of a site adds about ``e * |J|^2 / M`` to the energy
of the output's error, M being the channel's size and J the derivative of the output by it, whose
norm one random projection of the output estimates.

Where the output differs from the truth anyway, by ``m`` in the mean square, a small error that
adds ``e`` to it takes about ``4.3 e / m`` dB off the patch's PSNR. So with the truth at hand a
patch counts by ``1 / m``, and an error in a flat patch, where it shows, by more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor

from cadyq_cli.quant.ranges import observing, sites
from cadyq_cli.quant.sites import DynamicSite, QuantSite
from cadyq_cli.quant.trace import Trace

SMALLEST_ERROR = 255.0**-2  # mean square that no patch is taken to fall below, one level of 8 bit
COARSE = 7  # bit; what finer grids gain by clipping, rare values that were not seen would cost
APART = 4  # pixels from one that is looked at to the next, where there are several shares to try


class Costs(NamedTuple):
    """Of P patches at each dynamic site."""

    inputs: Mapping[DynamicSite, Tensor]  # (P, 2 + C), scaled for the selector
    errors: Mapping[DynamicSite, Tensor]  # (P, K), energy added to the output


@dataclass(slots=True)
class _Found:
    """What was found at one site, batch by batch."""

    inputs: list[Tensor] = field(default_factory=list)  # (N, 2 + C)
    errors: list[Tensor] = field(default_factory=list)  # (R, N, K), of R shares of the bounds


def measured_costs(
    network: torch.nn.Module,
    forward: Callable[[Tensor], tuple[Tensor, Trace]],
    batches: Sequence[Tensor],
    *,
    truths: Sequence[Tensor] = (),
    pictures: Tensor | None = None,
    shares: Sequence[float] = (1.0,),
) -> Costs:
    """Measure what widths cost, and give every grid the bound that adds the least energy.

    Args:
        network: Its bounds must be set; they become a share of themselves.
        forward: Runs the network on a batch (N, 3, H, W).
        batches: Patches that stand for those to come.
        truths: What each batch should become; none: an error counts alike in every patch.
        pictures: Which picture each patch is of, shape (P,): all of one count alike, as they are
            wrong on average. None: each patch for itself.
        shares: Of the bounds, that coarse grids try; the first is for all others.
    """
    found: dict[QuantSite, _Found] = {site: _Found() for site in sites(network)}
    wrong = []
    for number, batch in enumerate(batches):
        output = _look(network, forward, batch, found, shares, seed=number)
        truth = truths[number] if truths else output + 1
        wrong.append((output - truth).square().mean(dim=(1, 2, 3)))
    worth = _worth(torch.cat(wrong), pictures)[:, None]  # (P, 1)
    inputs, errors = {}, {}
    for site, each in found.items():
        if not each.errors:  # nothing reads it
            continue
        tried = torch.cat(each.errors, dim=1)  # (R, P, K)
        best = tried.sum(dim=1).argmin(dim=0)  # (K,)
        best = torch.where(site.widths <= COARSE, best, 0)
        with torch.no_grad():
            site.bounds.mul_(torch.tensor(shares).to(site.bounds)[best])
        if isinstance(site, DynamicSite):
            inputs[site] = torch.cat(each.inputs)
            narrowed = torch.stack([tried[r, :, k] for k, r in enumerate(best)], dim=1)
            errors[site] = narrowed * worth
    return Costs(inputs, errors)


def _look(
    network: torch.nn.Module,
    forward: Callable[[Tensor], tuple[Tensor, Trace]],
    batch: Tensor,
    found: dict[QuantSite, _Found],
    shares: Sequence[float],
    *,
    seed: int,
) -> Tensor:
    """Add a batch to what was found; returns the network's output."""
    seen: dict[QuantSite, Tensor] = {}

    def keep(site: QuantSite, x: Tensor) -> None:
        seen[site] = x

    with torch.enable_grad(), observing(network, keep):
        output, trace = forward(batch.detach().clone().requires_grad_())
        generator = torch.Generator().manual_seed(seed)
        signs = torch.randint(2, output.shape, generator=generator).to(output) * 2 - 1
        slopes = torch.autograd.grad((output * signs).sum(), list(seen.values()))
    apart = APART if len(shares) > 1 else 1
    for (site, x), slope in zip(seen.items(), slopes, strict=True):
        x = x.detach()
        strength = slope.square().mean(dim=(2, 3))  # (N, C)
        magnitude, some = site.magnitude(x), x[:, :, ::apart, ::apart]
        energies = [
            (rounded - some).square().sum(dim=(2, 3)).mul(strength).sum(dim=1)
            for share in shares
            for rounded in site.roundings(some, share * magnitude)
        ]
        tried = torch.stack(energies, dim=1).view(len(x), len(shares), -1) * apart**2
        found[site].errors.append(tried.transpose(0, 1))
        if isinstance(site, DynamicSite):
            chosen_by = trace.selector_inputs(site.name)
            found[site].inputs.append(site.inputs(chosen_by).detach())
    return output.detach()


def _worth(wrong: Tensor, pictures: Tensor | None) -> Tensor:
    """How much an error of some energy counts in each patch, shape (P,).

    `wrong` are the mean squared errors that the patches have already.
    """
    if pictures is not None:
        _, number = pictures.to(wrong.device).unique(return_inverse=True)
        sums = wrong.new_zeros(int(number.max()) + 1, 2)
        sums.index_add_(0, number, torch.stack([wrong, torch.ones_like(wrong)], dim=1))
        wrong = (sums[:, 0] / sums[:, 1])[number]
    return 1 / wrong.clamp_min(SMALLEST_ERROR)
