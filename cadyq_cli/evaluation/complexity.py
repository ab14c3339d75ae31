"""What a network costs: multiplications, bit operations, energy, bytes.

A MAC is one multiplication with its addition. Only convolutions are counted, as in the papers; the
selectors, activations and interpolation come to less than a hundredth.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cadyq_cli.engine.checking import checked
from cadyq_cli.engine.folding import STEP_SUFFIX, Arrays
from cadyq_cli.engine.program import BorderedConv, Conv, Grid, Program, Site

FLOAT_BITS = 32
REFERENCE_SIZE = (720, 1280)  # height and width, px, of the result that papers count for

WEIGHT_BITS = 8  # of weights that are whole codes
QUANTIZABLE = ".conv"  # ends the names of the convolutions that `quant.layers.Layers.conv` makes
_NOT_TRAINED = (STEP_SUFFIX, "faintest", "input_scale", "running_mean", "running_var", "_tracked")

Widths = Mapping[str, NDArray[np.uint8]]  # site -> width of each patch


@dataclass(frozen=True, slots=True)
class Convolution:
    """One convolution of a network."""

    name: str
    macs: int  # for each pixel of the input image
    quantizable: bool  # part of what the paper quantizes, in whichever precision it runs here
    weight_bits: int
    site: str | None  # whose widths its input has
    bits: int = FLOAT_BITS  # width of its input where no counted site decides it

    def input_bits(self, widths: Widths) -> float:
        """Mean width of what it reads, over patches."""
        return self.bits if self.site is None else float(widths[self.site].mean())


@dataclass(frozen=True, slots=True)
class Workload:
    """All convolutions of a network, and what it takes to store it."""

    scale: int
    convolutions: tuple[Convolution, ...]
    parameters: int
    bytes: int  # quantized weights at 8 bits, everything else at 32
    views: int = 1  # of the image that it enlarges for one result, as a self-ensemble does

    def macs(self, size: tuple[int, int], *, quantizable: bool | None = None) -> float:
        """MACs for a result of `size` (height, width); of one part only if `quantizable` is set."""
        wanted = (True, False) if quantizable is None else (quantizable,)
        macs = sum(c.macs for c in self.convolutions if c.quantizable in wanted)
        return macs * self._pixels(size)

    def mean_bits(self, widths: Widths) -> float:
        """Mean input width of the quantizable convolutions, each weighted by its MACs.

        Unlike the paper's plain mean over sites, this includes inputs of fixed width.
        """
        found = [(c.macs, c.input_bits(widths)) for c in self.convolutions if c.quantizable]
        return sum(macs * bits for macs, bits in found) / sum(macs for macs, _ in found)

    def energy(self, size: tuple[int, int], widths: Widths) -> float:
        """Joules that the arithmetic alone takes for a result of `size`; see `energy_of_mac`."""
        each = (
            c.macs * energy_of_mac(c.weight_bits, c.input_bits(widths)) for c in self.convolutions
        )
        return sum(each) * self._pixels(size)

    def weight_bits(self) -> int:
        """Width of the quantizable convolutions' weights."""
        return max(c.weight_bits for c in self.convolutions if c.quantizable)

    def _pixels(self, size: tuple[int, int]) -> float:
        """Of all views of the input image, not always a whole number (1280x720 at x3)."""
        return self.views * size[0] * size[1] / self.scale**2


def energy_of_mac(weight_bits: float, input_bits: float) -> float:
    """Joules for one MAC in a 45 nm chip at 0.9 V.

    Two whole numbers are multiplied and added to a sum of 32 bits: 0.1 pJ for the addition, 0.2 pJ
    for a product of 8 by 8 bits, others in proportion to both widths. If one is a 32-bit float, a
    product takes 3.7 pJ and a sum 0.9 pJ.

    Source: M. Horowitz, "Computing's energy problem (and what we can do about it)", ISSCC 2014,
    figure 1.1.9. It lists products of 8 and of 32 bits, 0.2 and 3.1 pJ; that 4 times the width
    takes nearly 16 times the energy is where the proportion comes from.
    """
    if max(weight_bits, input_bits) >= FLOAT_BITS:
        return 4.6e-12
    return 0.1e-12 + 0.2e-12 * weight_bits * input_bits / 64


@dataclass(frozen=True, slots=True)
class Convention:
    """A way to count bit operations. One product of 32 by 32 bits is 1024 of them."""

    name: str
    formula: str
    count: Callable[[float, float, float, float], float]  # F, Q, W, A as in the formula


CONVENTIONS = (
    Convention(
        "whole",
        "32·32·F + W·A·Q, the whole network; divided by 1024 it is the CADyQ authors' OPs",
        lambda f, q, w, a: 1024 * f + w * a * q,
    ),
    Convention(
        "whole-a2",
        "32·32·F + A·A·Q, the whole network, weights as narrow as activations",
        lambda f, q, _, a: 1024 * f + a * a * q,
    ),
    Convention(
        "quantized",
        "W·A·Q, the quantized convolutions only",
        lambda _, q, w, a: w * a * q,
    ),
)
SYMBOLS = (
    "Q, F: MACs of the convolutions that the paper quantizes, and of the others; "
    "W: bits of a weight; A: average bits, the plain mean over sites (FAB)"
)


def bit_operations(
    workload: Workload, size: tuple[int, int], average_bits: float
) -> dict[str, float]:
    """Bit operations for a result of `size`, by the name of the convention."""
    unquantized = workload.macs(size, quantizable=False)
    quantized = workload.macs(size, quantizable=True)
    weight_bits = workload.weight_bits()
    return {
        convention.name: convention.count(unquantized, quantized, weight_bits, average_bits)
        for convention in CONVENTIONS
    }


def workload_of(program: Program, arrays: Arrays) -> Workload:
    """Count a network's convolutions.

    Every convolution keeps its image's size or multiplies it, so the work is in proportion to the
    image.

    Args:
        program: What runs, not fused further than `compile.compile_network` does.
        arrays: The tensors that it names, quantized weights as whole codes.

    Raises:
        ValueError: they do not fit each other.
    """
    shapes = checked(program, arrays)
    grids: dict[str, Grid] = {}  # of values that are codes
    found = []
    for instruction in program.instructions:
        if isinstance(instruction, Site):
            grids[instruction.out] = instruction.grid
        elif isinstance(instruction, Conv):
            if instruction.encode is not None:
                grids[instruction.out] = instruction.encode
            pixels = shapes[instruction.source].factor ** 2
            grid = grids.get(instruction.source)
            found.append(_convolution(instruction, arrays, grid, pixels))
    stored = {name: array for name, array in arrays.items() if not name.endswith(_NOT_TRAINED)}
    return Workload(
        scale=program.scale,
        convolutions=tuple(found),
        parameters=sum(array.size for array in stored.values()),
        bytes=sum(a.size * (1 if a.dtype == np.int8 else 4) for a in stored.values()),
    )


def _convolution(conv: Conv, arrays: Arrays, grid: Grid | None, pixels: int) -> Convolution:
    """What one costs for each pixel of the image, of which its input has `pixels`."""
    weight = arrays[f"{conv.module}.weight"]
    one = weight[0] if isinstance(conv, BorderedConv) else weight  # a pixel has one of the kernels
    counted = grid is not None and grid.name is not None
    return Convolution(
        name=conv.module.removesuffix(QUANTIZABLE),
        macs=one.size * pixels,
        quantizable=conv.module.endswith(QUANTIZABLE),
        weight_bits=WEIGHT_BITS if weight.dtype == np.int8 else FLOAT_BITS,
        site=grid.name if grid is not None else None,
        bits=FLOAT_BITS if grid is None or counted else grid.widths[0],
    )
