"""What an image file holds, once read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from cadyq_cli.imaging.metadata import Metadata


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """An upright RGB image and what belongs to it."""

    pixels: NDArray[Any]  # (H, W, 3), uint8 or uint16
    alpha: NDArray[Any] | None = None  # (H, W), same type; not multiplied into the pixels
    gray: bool = False  # the three channels are equal everywhere
    bits: int = 0  # a channel in its file, where that is fewer than the type of the pixels has
    format: str = "PNG"  # Pillow's name, or ours, of the file format it came in
    metadata: Metadata = field(default_factory=Metadata)
    notes: tuple[str, ...] = ()  # what the user should know about how it was read

    @property
    def colours(self) -> int:
        """Channels to write, without alpha: one of a gray picture, unless its profile is of RGB."""
        icc = self.metadata.icc
        return 1 if self.gray and (icc is None or icc[16:20] == b"GRAY") else 3

    @property
    def channels(self) -> int:
        """Channels to write, alpha among them."""
        return self.colours + (self.alpha is not None)
