"""How large an image a file format holds, and how fine a resolution it states."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

GIGABYTE = 2**30


@dataclass(frozen=True, kw_only=True, slots=True)
class Capacity:
    """The most that a format holds, or that programs open which people have."""

    side: int = 2**31 - 1  # px
    pixels: float = inf  # px in all
    size: float = inf  # bytes, not compressed
    dpi: float = inf  # pixels per inch that can be stated

    def exceeded(self, height: int, width: int, pixel: int) -> str | None:
        """The limit that an image of these sides and `pixel` bytes a pixel exceeds, in words."""
        if max(height, width) > self.side:
            return f"at most {self.side} a side"
        if height * width > self.pixels:
            return f"at most {self.pixels} in all"
        row = -(-width * pixel // 4) * 4  # BMP's are multiples of 4 bytes
        return f"at most {self.size / GIGABYTE:.0f} GB" if height * row > self.size else None

    def states(self, dpi: tuple[float, float]) -> bool:
        """Whether a resolution across and down can be said."""
        return all(0.5 <= each <= self.dpi for each in dpi)
