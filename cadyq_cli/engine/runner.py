"""What enlarges patches, whatever computes (the engine's kernels or torch), and what it answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from cadyq_cli.quant.prices import Dial

Map = NDArray[np.float32]  # (H, W, C) without gaps: a patch's features


class Chosen(NamedTuple):
    """What a site chose for a patch, and why; None where there was nothing to choose."""

    bits: float  # whole, unless the mean of several views of the patch
    scores: NDArray[np.float32] | None = None  # (K,)
    spread: NDArray[np.float32] | None = None  # (C,)


@dataclass(frozen=True, slots=True)
class Result:
    """An enlarged patch, and what was chosen for it."""

    pixels: Map  # (H * scale, W * scale, 3), not clipped to 0..1
    gradient: NDArray[np.float32]  # (2,), mean |dI/dx| and |dI/dy|
    choices: dict[str, Chosen]  # by counted site


class DifferenceFit(NamedTuple):
    """How far a network's result lies from interpolation, by what shows; see `plain_areas`."""

    curvature: float
    gradient: float
    offset: float


class Runner(Protocol):
    """A network, ready to run: `engine.executor.Executable`, `networks.Network`."""

    price: float  # of a bit, in units of the selectors' scores; 0: as they were trained
    exact_bits: float | None  # the average width of each picture; None: what the price leads to

    @property
    def scale(self) -> int:
        """How many times as large a patch becomes."""

    @property
    def reach(self) -> int:
        """How many pixels away a pixel of the input matters at most; see `engine.reach`."""

    @property
    def candidates(self) -> dict[str, tuple[int, ...]]:
        """The widths that each counted site may have, by its name; empty for a float network."""

    @property
    def difference_fit(self) -> DifferenceFit | None:
        """What tells where the network need not run; None if it is to run everywhere."""

    @property
    def dial(self) -> Dial | None:
        """Which `price` leads to which average width; None if nothing is chosen, or not known."""

    @property
    def threads(self) -> int:
        """How many threads should call `run` at a time."""

    def run(self, patch: Map) -> Result:
        """Enlarge one patch, RGB, shape (H, W, 3), float32, range 0..1."""
