"""How a network is to be quantized."""

from __future__ import annotations

from dataclasses import dataclass

from cadyq_cli.degradations.degradation import Degradation
from cadyq_cli.errors import InputError
from cadyq_cli.quant.layers import WEIGHT_BITS


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What to aim at, and which means to use; each of those can be left out to see what it brings.

    Raises:
        InputError: a width, an average or a time that cannot be.
    """

    bits: float | None = None  # average to aim at; None: the fewest that are expected to do
    widths: tuple[int, ...] = (4, 5, 6, 7, 8)
    static: bool = False  # one width for all, 8 bit unless `bits` says another
    seconds: float = 60  # that it should take, about
    seed: int = 0
    degradation: Degradation = Degradation()  # noqa: RUF009, immutable; of what the network is for
    weight_bits: int = WEIGHT_BITS  # of all but the outer layers
    channel_steps: bool = True  # a step for the weights of each output
    channel_ranges: bool = True  # a range for each channel that is rounded
    offsets: bool = True  # which need not be as wide below 0 as above
    error_feedback: bool = True  # weights make up for each other's rounding, and for the features'
    biases: bool = True  # take off what rounding adds on average
    relative: bool = True  # patches that are stronger than usual have wider bounds
    narrow_bounds: bool = True  # clip rare large values where that costs the output less

    def __post_init__(self) -> None:
        if not self.widths or not all(2 <= bits <= 8 for bits in self.widths):
            raise InputError("`widths` lie in 2 to 8 bit")
        if len(set(self.widths)) < len(self.widths):
            raise InputError("`widths` names one twice")
        if self.seconds <= 0:
            raise InputError("`seconds` is not above 0")
        if self.bits is None:
            return
        if self.static:
            if self.bits not in range(2, 9):
                raise InputError("with `static`, `bits` is a whole number from 2 to 8")
        elif not min(self.widths) <= self.bits <= max(self.widths):
            raise InputError(f"`bits` lies in {min(self.widths)} to {max(self.widths)}, the widths")

    @property
    def width(self) -> int:
        """The only one of a static network."""
        return 8 if self.bits is None else int(self.bits)
