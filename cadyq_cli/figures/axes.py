"""Axes of diagrams: round numbers, and where values stand between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

from cadyq_cli.figures.canvas import Canvas
from cadyq_cli.figures.text import FAINT, INK, Colour


@dataclass(frozen=True, kw_only=True, slots=True)
class Axis:
    """Numbers along an edge, from low to high."""

    ticks: Sequence[float]  # two, at least
    labels: Sequence[str]
    logarithmic: bool = False

    def share(self, value: float) -> float:
        """Where a value stands: 0 at the first tick, 1 at the last, and never beyond."""
        low, high = self.ticks[0], self.ticks[-1]
        value = min(max(value, low), high)
        if self.logarithmic:
            value, low, high = log10(value), log10(low), log10(high)
        return (value - low) / (high - low)


def even_axis(low: float, high: float, *, steps: int, narrowest: float) -> Axis:
    """Round numbers around two values.

    Args:
        low, high: What the axis reaches beyond.
        steps: How many there are between the two, at most.
        narrowest: What they are apart, at least, to fill the axis.
    """
    rough = max(high - low, narrowest) / steps
    power = 10 ** floor(log10(rough))
    step = next(power * m for m in (1, 2, 5, 10) if power * m >= rough)
    decimals = max(0, -floor(log10(step) + 1e-9))
    first, last = floor(low / step - 0.2), ceil(high / step + 0.2)
    ticks = [index * step for index in range(first, last + 1)]
    return Axis(ticks=ticks, labels=[f"{tick:.{decimals}f}" for tick in ticks])


def logarithmic_axis(low: float, high: float) -> Axis:
    """Powers of ten around two positive values, with numbers between if they are few."""
    within = (1, 1.5, 2, 3, 5, 7) if high < 3 * low else (1, 2, 5) if high < 100 * low else (1,)
    powers = range(floor(log10(low)), ceil(log10(high) + 1e-9) + 1)
    every = [float(f"{m}e{power}") for power in powers for m in within]
    first, last = max(t for t in every if t <= low), min(t for t in every if t > high)
    ticks = [tick for tick in every if first <= tick <= last]
    labels = [f"{tick:g}" if tick < 1e4 else f"{tick:.0e}" for tick in ticks]
    return Axis(ticks=ticks, labels=labels, logarithmic=True)


@dataclass(frozen=True, kw_only=True, slots=True)
class Frame:
    """A rectangle of a canvas, in px, whose height is an axis."""

    left: int
    top: int
    right: int
    bottom: int
    axis: Axis

    def x(self, share: float) -> float:
        """From the left edge, 0, to the right, 1."""
        return self.left + share * (self.right - self.left)

    def y(self, value: float) -> float:
        """Where the axis has a value."""
        return self.bottom - self.axis.share(value) * (self.bottom - self.top)

    def rule_column(self, canvas: Canvas, share: float, label: str) -> None:
        """Rule a line from top to bottom, with a label beneath."""
        x = self.x(share)
        canvas.line([(x, self.top), (x, self.bottom)], FAINT)
        canvas.text((x, self.bottom + 10), label, "ma")

    def rule(self, canvas: Canvas, colour: Colour = INK) -> None:
        """Rule a line at each number, which stands before it, and draw the lower edge."""
        for tick, label in zip(self.axis.ticks, self.axis.labels, strict=True):
            y = self.y(tick)
            canvas.line([(self.left, y), (self.right, y)], FAINT)
            canvas.text((self.left - 0.6 * canvas.text_size, y), label, "rm", colour)
        canvas.line([(self.left, self.bottom), (self.right, self.bottom)], INK)
