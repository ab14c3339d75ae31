"""Which price of a bit leads a dynamic network to which average width."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import torch
from torch import Tensor

from cadyq_cli.quant.sites import DynamicSite
from cadyq_cli.quant.trace import Trace

STEP = 0.25  # bit, from one average that is told to the next
END = 0.05  # bit, that the outermost stay away from the narrowest and the widest
BISECTIONS = 40
STEEPEST = 1e4  # price; far more than scores differ by


@torch.no_grad()
def dial_of(network: torch.nn.Module, traces: Iterable[Trace]) -> dict[str, list[float]]:
    """The numbers of an `engine.runner.Dial`: ``bits``, rising, and ``prices``, falling.

    Args:
        network: Dynamic.
        traces: Of usual pictures, as it is without a price.
    """
    scores = _scores(network, list(traces))
    widths = torch.stack([site.widths for site in scores])[:, None]  # (S, 1, K)
    stacked = torch.stack(list(scores.values()))  # (S, P, K)
    bits: list[float] = []
    prices: list[float] = []
    for average in _averages(float(widths.min()), float(widths.max())):
        price = _price(stacked, widths, average)
        if not prices or price < prices[-1]:
            bits.append(round(average, 3))
            prices.append(price)
    return {"bits": bits, "prices": prices}


def _scores(network: torch.nn.Module, traces: list[Trace]) -> Mapping[DynamicSite, Tensor]:
    """What the selectors said, (P, K), at each site that ran."""
    found: dict[DynamicSite, Tensor] = {}
    for site in network.modules():
        if isinstance(site, DynamicSite) and site.name in traces[0].choices:
            each = [trace.choices[site.name].scores for trace in traces]
            found[site] = torch.cat([scores for scores in each if scores is not None])
    return found


def _averages(narrowest: float, widest: float) -> Iterator[float]:
    yield narrowest + END
    for i in range(1, round((widest - narrowest) / STEP)):
        yield narrowest + i * STEP
    yield widest - END


def _price(scores: Tensor, widths: Tensor, average: float) -> float:
    low, high = -STEEPEST, STEEPEST
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        chosen = (scores - middle * widths).argmax(dim=2, keepdim=True)
        bits = torch.gather(widths.expand_as(scores), 2, chosen).mean()
        low, high = (middle, high) if bits > average else (low, middle)
    return high
