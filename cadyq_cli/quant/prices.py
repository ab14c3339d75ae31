"""Prices of bits, by which one network serves every average width.

A site takes the width whose score, less the price times the width, is highest.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

BISECTIONS = 40
STEEPEST = 1e4  # price; far more than scores differ by


class Dial(NamedTuple):
    """Which price leads to which average."""

    bits: tuple[float, ...]  # averages over usual pictures, rising
    prices: tuple[float, ...]  # of a bit, falling

    def price(self, bits: float) -> float:
        """The price at which usual pictures get so many bits on average.

        Raises:
            ValueError: the dial does not go there; the message says how far it goes.
        """
        if not self.bits[0] <= bits <= self.bits[-1]:
            raise ValueError(f"goes from {self.bits[0]:g} to {self.bits[-1]:g} bit")
        return float(np.interp(bits, self.bits, self.prices))


class Scored(NamedTuple):
    """What a selector said of P patches."""

    scores: NDArray[np.floating]  # (P, K)
    widths: NDArray[np.floating]  # (K,)

    def average(self, price: float) -> float:
        """Mean width over the patches at a price."""
        return float(self.widths[(self.scores - price * self.widths).argmax(axis=1)].mean())


def price_of(sites: Sequence[Scored], average: float) -> float:
    """The lowest price at which the mean width over sites is no more than an average."""
    low, high = -STEEPEST, STEEPEST
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        bits = np.mean([site.average(middle) for site in sites])
        low, high = (middle, high) if bits > average else (low, middle)
    return high
