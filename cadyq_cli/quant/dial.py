"""Which price of a bit leads a dynamic network to which average width."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import torch

from cadyq_cli.quant.prices import Scored, price_of
from cadyq_cli.quant.sites import DynamicSite
from cadyq_cli.quant.trace import Trace

STEP = 0.25  # bit, from one average that is told to the next
END = 0.05  # bit, that the outermost stay away from the narrowest and the widest


@torch.no_grad()
def dial_of(network: torch.nn.Module, traces: Iterable[Trace]) -> dict[str, list[float]]:
    """The numbers of an `quant.prices.Dial`: ``bits``, rising, and ``prices``, falling.

    Args:
        network: Dynamic.
        traces: Of usual pictures, as it is without a price.
    """
    sites = _scores(network, list(traces))
    widths = np.concatenate([site.widths for site in sites])
    bits: list[float] = []
    prices: list[float] = []
    for average in _averages(widths.min(), widths.max()):
        price = price_of(sites, average)
        if not prices or price < prices[-1]:
            bits.append(round(average, 3))
            prices.append(price)
    return {"bits": bits, "prices": prices}


def _scores(network: torch.nn.Module, traces: list[Trace]) -> list[Scored]:
    """What the selectors said, at each site that ran."""
    found = []
    for site in network.modules():
        if isinstance(site, DynamicSite) and site.name in traces[0].choices:
            each = [trace.choices[site.name].scores for trace in traces]
            scores = torch.cat([scores for scores in each if scores is not None])
            found.append(Scored(scores.cpu().double().numpy(), site.widths.cpu().double().numpy()))
    return found


def _averages(narrowest: float, widest: float) -> Iterator[float]:
    yield narrowest + END
    for i in range(1, round((widest - narrowest) / STEP)):
        yield narrowest + i * STEP
    yield widest - END
