"""Pixels that Pillow does not read, and what comes of them."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

from numpy.typing import NDArray


class Decoded(NamedTuple):
    """Pixels, and what only decoding tells of them."""

    colour: NDArray[Any]  # gray (H, W, 1) or RGB (H, W, 3), uint8 or uint16
    alpha: NDArray[Any] | None  # (H, W), the same type
    bits: int = 0  # a channel in the file, where that is fewer than the type has
    icc: bytes | None = None  # a profile that stands among the coded pixels
    turn: int | None = None  # 1 where the decoder has turned them, whatever EXIF says
    notes: tuple[str, ...] = ()


class Coded(Protocol):
    """Pixels in a file, none of which is decoded before that is asked for."""

    @property
    def kind(self) -> str:
        """The name of the kind of file."""
        ...

    @property
    def size(self) -> tuple[int, int]:
        """Width and height; any error tells that the file is broken."""
        ...

    def decoded(self) -> Decoded:
        """All of it; any error tells that the file is broken."""
        ...
