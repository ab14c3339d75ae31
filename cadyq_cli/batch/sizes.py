"""How large a result should be, and which scales lead there."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from itertools import combinations_with_replacement
from math import prod, sqrt

from cadyq_cli.errors import ImageError, InputError

LARGEST = 16  # times; each pixel would be invented from a 256th of one


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """What was asked for: a scale, or a width or height in px to fit into undistorted."""

    scale: float = 1.0  # unless there is a width or a height
    width: int | None = None
    height: int | None = None
    max_pixels: int | None = None  # a larger result shrinks to this

    @property
    def label(self) -> str:
        """For names of files: "x4", "x2.5", "w1920", "h1080", "1920x1080"."""
        if self.width and self.height:
            return f"{self.width}x{self.height}"
        if self.width or self.height:
            return f"w{self.width}" if self.width else f"h{self.height}"
        return f"x{self.scale:g}"

    def size(self, name: str, height: int, width: int) -> tuple[int, int]:
        """Height and width of the result of an image, called `name` in an error.

        Raises:
            ImageError: that would be smaller than the image, or more than 16 times as large.
        """
        factors = (self.width or 0) / width, (self.height or 0) / height
        scale = min((factor for factor in factors if factor), default=self.scale)
        if not 1 <= scale <= LARGEST:
            reason = f"is {width}x{height} px, the result would be {scale:.2f} times as large"
            raise ImageError(name, reason, hint=f"1 to {LARGEST} times is possible")
        size = round_half_up(height * scale), round_half_up(width * scale)
        if self.max_pixels and prod(size) > self.max_pixels:
            scale = sqrt(self.max_pixels / (height * width))
            if scale < 1:
                reason = f"is {width}x{height} px, more than `max_pixels` already"
                raise ImageError(name, reason)
            size = int(height * scale), int(width * scale)
        return size


def round_half_up(value: float) -> int:
    return int(value + 0.5)


def passes(scale: float, there_are: Collection[int]) -> tuple[int, ...]:
    """Scales of the networks to run one after another, whose product is the least >= `scale`.

    The fewest that will do, the smallest first, which costs less.

    Raises:
        InputError: it is above 1, and no network enlarges.
        ValueError: there are no scales.
    """
    if not there_are:
        raise ValueError("no scales to choose from")
    if max(there_are) == 1 < scale:
        reason = "the network restores pictures and does not enlarge them"
        raise InputError(f"{reason}; leave `scale`, `width` and `height` out")
    chains: list[tuple[int, ...]] = []
    while max(map(prod, chains), default=0) < scale or not chains:
        length = len(chains[-1]) + 1 if chains else 1
        chains += combinations_with_replacement(sorted(there_are), length)
    return min((c for c in chains if prod(c) >= scale), key=lambda c: (prod(c), len(c), c))
