"""What the engine computes with: the operations that native code or numpy implements.

A *map* is float32 without gaps, shape (H, W, C): one patch's features. *Codes* are whole numbers of
16 bit with zeros around the image, shape (rows, columns, pitch): the code of channel c at (y, x) is
``codes[PAD + y, PAD + x, c]``. Rows and columns hold the image rounded up to whole tiles and `PAD`
zeros on each side; everything outside the image and its channels stays 0. A value is its code
times the step of its channel.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from cadyq_cli.engine.program import CurveName
from cadyq_cli.engine.runner import Map

PAD = 4  # zeros on each side of codes: the reach of a 9x9 convolution
TILE = 4  # the image inside codes is rounded up to a multiple of this
IMAGE = 4  # channels that an image has at most
WIDEST = (-255, 255)  # the lowest and the highest of all codes

Codes = NDArray[np.int16]
Sums = tuple[NDArray[np.float64], NDArray[np.float64]]  # of each channel's values and squares


class Rounding(NamedTuple):
    """A grid for each channel, each array (C,)."""

    steps: NDArray[np.float32]
    lowest: NDArray[np.float32]  # the lowest code
    highest: NDArray[np.float32]

    def part(self, channels: slice) -> Rounding:
        """The grids of some channels."""
        return Rounding(*(each[channels] for each in self))


class CodesOut(NamedTuple):
    """Codes for a convolution to write its result to."""

    array: Codes  # of the size of the result
    rounding: Rounding  # of the result's channels
    channel: int = 0  # the first one that is written


@dataclass(slots=True)
class Epilogue:
    """What happens to a convolution's sums, in this order, before they are written.

    Slopes are what negative values are multiplied by: 0 is a ReLU. O is the number of outputs.
    """

    scale: NDArray[np.float32]  # (O,)
    bias: NDArray[np.float32]  # (O,), added after scaling
    slope1: NDArray[np.float32] | None = None  # (O,)
    curve: CurveName | None = None
    round: Rounding | None = None  # of O channels
    add_map: Map | None = None  # (H, W, O); only without shuffle
    add_codes: tuple[Codes, NDArray[np.float32]] | None = None  # of (H, W, O), their steps (O,)
    gate: bool = False  # multiply the sum by sigmoid(x) - 1/2 of the x that was added to
    slope2: NDArray[np.float32] | None = None  # (O,)
    shuffle: int = 1  # r: output c * r * r + dy * r + dx of (y, x) is c at (y * r + dy, x * r + dx)
    statistics: bool = False  # return the sums of what is written
    codes: CodesOut | None = None  # write the result's codes there, and no map


class Kernels(Protocol):
    """Threads may share an implementation."""

    def new_codes(self, height: int, width: int, channels: int) -> Codes:
        """Zeros for the codes of a (height, width, channels) map."""

    def pack(
        self,
        weight: NDArray[np.int8],
        *,
        groups: int = 1,
        shuffle: int = 1,
        codes: tuple[int, int] = WIDEST,
    ) -> Any:
        """Prepare weights (O, I / groups, k, k) for `convolve`; k is odd and at most 2 PAD + 1.

        `codes` are the lowest and the highest that they will meet.
        """

    def pack_float(self, weight: NDArray[np.float32], *, shuffle: int = 1) -> Any:
        """Prepare weights (O, I, k, k) for `convolve_float`; k is odd and at most 2 PAD + 1."""

    def encode(self, source: Map, rounding: Rounding, out: Codes, channel: int) -> None:
        """Write ``source / steps``, rounded half to even and clamped, from `channel` on."""

    def sums(self, source: Map) -> Sums:
        """Of each channel of a map."""

    def convolve(
        self,
        codes: Codes,
        height: int,
        width: int,
        packed: Any,
        out: Map | None,
        epilogue: Epilogue,
    ) -> Sums | None:
        """Exactly sum products of codes and weights, then do what the epilogue says."""

    def convolve_float(
        self, source: Map, packed: Any, out: Map | None, epilogue: Epilogue
    ) -> Sums | None:
        """The same for a map and float weights; there are zeros around the map.

        Sums over an image are rounded once, as those of `quant.layers.HeadConv`.
        """
