"""The settings of one stage of training."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Stage = Literal["float", "static", "dynamic"]
STAGES: tuple[Stage, ...] = ("float", "static", "dynamic")

EPOCH = 1000  # steps, as the released code counts them


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How one stage learns. The defaults are the paper's (section 4.1)."""

    steps: int = 300 * EPOCH  # optimiser updates
    batch: int = 16  # images a step
    patch: int = 48  # low-resolution pixels a side
    learning_rate: float = 1e-4  # of the weights
    bound_rate: float = 1e-2  # of the sites' bounds
    selector_rate: float = 1e-4  # of the bit selectors
    decay: Literal["halving", "cosine"] = "halving"  # of all three rates
    halve_at: float = 0.5  # share of the steps after which `halving` halves
    range_steps: int = EPOCH  # steps in which bounds follow the batch; 0 fits them by least squares
    measure_selectors: bool = False  # start selectors from measured costs, at `target_bits`
    bit_price: float = 1e-4  # loss for each site and image of expected width
    bit_price_growth: float = 1e-6  # added to the price each epoch
    target_bits: float | None = None  # the price rises above this average width, and falls below it
    truth: float = 1.0  # weight of the difference to the photograph
    distill_output: float = 0.0  # weight of the difference to the teacher's output
    distill_last: float = 1e3  # weight of the attention of the body's output
    distill_blocks: float = 1e2  # weight of the attention of each block
    average: float = 0.0  # decay of the moving average of the weights; 0 keeps the last ones
    fuse: bool = True  # compile the rounding loops (torch.compile); needs a C++ compiler
    seed: int = 0

    def __post_init__(self) -> None:
        if self.measure_selectors and self.target_bits is None:
            raise ValueError("measured selectors need target_bits")

    @property
    def distills(self) -> bool:
        """Whether there is anything to learn from a teacher."""
        return any((self.distill_output, self.distill_last, self.distill_blocks))

    def rate_at(self, step: int) -> float:
        """The factor on all learning rates at a step, 0..1."""
        if self.decay == "cosine":
            return 0.5 * (1 + math.cos(math.pi * min(step / self.steps, 1)))
        return 0.5 if step >= self.halve_at * self.steps else 1.0


PAPER: Mapping[Stage, Recipe] = {
    "float": Recipe(distill_last=0, distill_blocks=0),
    "static": Recipe(distill_last=0, distill_blocks=0),
    "dynamic": Recipe(),
}
QUICK: Mapping[Stage, Recipe] = {
    "float": Recipe(
        steps=30_000,
        patch=24,
        learning_rate=3e-4,
        decay="cosine",
        average=0.999,
        distill_last=0,
        distill_blocks=0,
    ),
    "static": Recipe(
        steps=300,
        batch=8,
        patch=32,
        learning_rate=2e-5,
        decay="cosine",
        range_steps=0,
        average=0.99,
        distill_last=0,
        distill_blocks=0,
    ),
    "dynamic": Recipe(
        steps=2_000,
        batch=8,
        patch=32,
        learning_rate=5e-5,
        selector_rate=0.0,  # as measured
        decay="cosine",
        range_steps=0,
        measure_selectors=True,
        bit_price=0.0,
        target_bits=5.0,
        average=0.99,
    ),
}
