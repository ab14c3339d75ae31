"""How one stage learns."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from cadyq_cli.backbones.known import named
from cadyq_cli.errors import InputError
from cadyq_cli.settings import check, setting

EPOCH = 1000  # steps, as the released code counts them

Decay = Literal["halving", "cosine"]
Loss = Literal["absolute", "psnr"]
Arithmetic = Literal["auto", "float32", "bfloat16", "float16"]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """The settings of one stage. The defaults are the paper's (section 4.1).

    Raises:
        InputError: a value that does not fit.
    """

    steps: int = setting(300 * EPOCH, "updates of the weights", least=1, most=10**9)
    batch: int = setting(16, "crops per step, over all processes", least=1, most=2**16)
    patch: int = setting(48, "side of a crop, in low-resolution pixels", least=1, most=2**12)
    texture: float = setting(
        0.0, "preference for textured crops; 0: none, 1: in proportion to their gradient", least=0
    )
    contrast: float = setting(
        0.0,
        "preference for crops of high contrast; 0: none, 1: in proportion to their standard"
        " deviation",
        least=0,
    )
    sizes: tuple[float, ...] = setting(
        (1.0,),
        "of the photographs that crops are cut from, each equally often; 0.5: half as wide and"
        " high, so sharper and with more in a crop",
    )
    learning_rate: float = setting(1e-4, "of the weights (Adam)", least=0)
    kernel_rate: float = setting(
        0.0,
        "of the kernels by Muon, as a share of each one's norm per step; 0: by Adam, like biases",
        least=0,
    )
    bound_rate: float = setting(1e-2, "learning rate of the sites' bounds", least=0)
    selector_rate: float = setting(1e-4, "learning rate of the bit selectors", least=0)
    decay: Decay = setting("halving", "of all learning rates: halving or cosine")
    warm_up: int = setting(
        0, "steps over which all learning rates rise linearly to their values", least=0
    )
    halve_at: float = setting(
        0.5, "share of the steps after which `halving` halves the rates", least=0
    )
    clip_gradient: float = setting(
        0.0, "norm to which a larger gradient is scaled down; 0: never", least=0
    )
    arithmetic: Arithmetic = setting(
        "auto", "of convolutions: float32, bfloat16, float16 (CUDA); auto: the device's own"
    )
    range_steps: int = setting(
        EPOCH,
        "first steps, in which bounds follow the batch; 0: bounds fitted by least squares",
        least=0,
    )
    measure_selectors: bool = setting(
        default=False, text="start the selectors from measured costs, at target_bits"
    )
    bit_price: float = setting(
        1e-4, "loss per site and image of expected width, at the start", least=0
    )
    bit_price_growth: float = setting(1e-6, "added to the bit price every 1000 steps")
    target_bits: float | None = setting(None, "average width that the price is steered to", least=2)
    loss: Loss = setting(
        "absolute",
        "how differences count: absolute, as their mean in 0..255; psnr, by the dB that they cost,"
        " mostly on luma",
    )
    loss_floor: float = setting(
        20.0,
        "mean square error, in 0..255, that `psnr` adds to each crop's, so that those which are"
        " nearly right do not outweigh the others; less for targets without a photograph's noise",
        least=0.01,
    )
    truth: float = setting(1.0, "weight of the difference from the photograph", least=0)
    distill_output: float = setting(
        0.0, "weight of the difference from the teacher's output", least=0
    )
    distill_last: float = setting(1e3, "weight of the attention of the body's output", least=0)
    distill_blocks: float = setting(1e2, "weight of the attention of each block", least=0)
    average: float = setting(
        0.0, "decay per step of the moving average of the weights; 0: the last weights", least=0
    )
    widen: int = setting(
        0,
        "how many times as many features each 3x3 kernel has inside while a float network trains"
        " from scratch; 0: off; with ReLUs, begin at a small rate (warm_up)",
        least=0,
        most=16,
    )
    fit_last: bool = setting(
        default=False,
        text="fit the last layers of a float network from scratch by least squares, before the"
        f" first step ({named('linear_tail').upper()})",
    )
    refit_tail: bool = setting(
        default=False,
        text="fit the last layer of a float network by least squares, after the last step"
        f" ({named('linear_tail').upper()})",
    )
    freeze_norms: bool = setting(
        default=False,
        text="keep the statistics of batch normalisation, which a few crops estimate badly",
    )
    fuse: bool = setting(
        default=True, text="compile the rounding loops, if there is a C++ compiler"
    )
    seed: int = setting(0, "of all random numbers", least=0)

    def __post_init__(self) -> None:
        check(self)
        if self.measure_selectors and self.target_bits is None:
            raise InputError("measure_selectors needs target_bits")
        if self.fit_last and self.widen:
            raise InputError("fit_last sets plain kernels, and widen has none; leave one out")
        if not self.sizes or not all(0 < size <= 1 for size in self.sizes):
            raise InputError(f"sizes = {list(self.sizes)} should be above 0, and at most 1")
        if self.average >= 1:
            raise InputError(f"average = {self.average} should be below 1")

    @property
    def distills(self) -> bool:
        """Whether there is anything to learn from a teacher."""
        return any((self.distill_output, self.distill_last, self.distill_blocks))

    def rate_at(self, step: int) -> float:
        """The factor on all learning rates at a step, counted from 0; the factor is 0..1."""
        rising = min((step + 1) / (self.warm_up + 1), 1)
        if self.decay == "cosine":
            return rising * 0.5 * (1 + math.cos(math.pi * min(step / self.steps, 1)))
        return rising * (0.5 if step >= self.halve_at * self.steps else 1)
