"""What is known of a program's instructions before they run: the subjects of `engine.rules`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cadyq_cli.engine.buffers import Plan, Shape
from cadyq_cli.engine.folding import STEP_SUFFIX, Arrays
from cadyq_cli.engine.limits import BYTES_OF_A_WEIGHT, PATCH
from cadyq_cli.engine.loaded_grid import Ends, ends_of
from cadyq_cli.engine.program import BorderedConv, Conv, Grid, Program, Slope
from cadyq_cli.engine.reach import deconvolution_reach

NORM = ("weight", "bias", "running_mean", "running_var")


@dataclass(frozen=True)
class Facts:
    """An instruction, the values made before it, and the tensors of the file."""

    instruction: Any
    shapes: Mapping[str, Shape]
    arrays: Arrays
    measured: frozenset[str]  # maps whose sums a site asks for

    @property
    def sources(self) -> list[Shape]:
        return [self.shapes[name] for name in self.instruction.reads]

    @property
    def source(self) -> Shape:
        return self.sources[0]

    @property
    def channels(self) -> int:
        return sum(shape.channels for shape in self.sources)

    def slopes(self, slope: Slope) -> NDArray[Any]:
        return np.atleast_1d(self.arrays[slope] if isinstance(slope, str) else slope)


@dataclass(frozen=True)
class ConvFacts(Facts):
    """The same of a convolution; shapes are those of one place where there are several."""

    @property
    def conv(self) -> Conv:
        conv: Conv = self.instruction
        return conv

    @property
    def bordered(self) -> bool:
        return isinstance(self.conv, BorderedConv)

    @cached_property
    def weight(self) -> NDArray[Any]:
        return self.arrays[f"{self.conv.module}.weight"]

    @cached_property
    def shape(self) -> tuple[int, ...]:
        return self.weight.shape[1:] if self.bordered else self.weight.shape

    @property
    def transposed(self) -> bool:
        return self.conv.deconvolution is not None

    @property
    def filters(self) -> int:
        """Outputs of the weights as they are stored."""
        return self.shape[1] if self.transposed else self.shape[0]

    @property
    def outputs(self) -> int:
        """Outputs of the convolution as it is computed, before a shuffle."""
        how = self.conv.deconvolution
        return self.filters if how is None else self.filters * how.stride**2

    @property
    def inputs(self) -> int:
        return self.shape[0] if self.transposed else self.shape[1] * int(self.conv.groups)

    @property
    def kernel_size(self) -> int:
        """Taps a side, as it is computed."""
        if self.conv.deconvolution is not None:
            return 2 * deconvolution_reach(self.shape[-1], self.conv.deconvolution) + 1
        return self.shape[-1]

    @property
    def weights(self) -> int:
        """Numbers of the convolution of one place as it is computed."""
        return self.outputs * self.inputs * self.kernel_size**2

    def per_filter(self, name: str) -> tuple[int, ...]:
        """The shape of a tensor of one place."""
        shape = self.arrays[name].shape
        return shape[1:] if self.bordered else shape

    @cached_property
    def step_shape(self) -> tuple[int, ...] | None:
        """The shape of the steps of the weights, if they have any."""
        name = f"{self.conv.module}.weight{STEP_SUFFIX}"
        return self.per_filter(name) if name in self.arrays else None

    @property
    def step_for_each(self) -> tuple[int, ...]:
        """The shape of steps that are one for each filter."""
        return (1, self.filters, 1, 1) if self.transposed else (self.filters, 1, 1, 1)


@dataclass(frozen=True)
class GridFacts:
    grid: Grid
    arrays: Arrays
    channels: int  # that are rounded

    @property
    def ends(self) -> list[Ends]:
        return ends_of(self.grid, self.arrays)

    def tensor(self, name: str) -> NDArray[Any]:
        return self.arrays[f"{self.grid.module}.{name}"]


@dataclass(frozen=True)
class ProgramFacts:
    """A program as a whole, once every instruction of it has been looked at."""

    program: Program
    shapes: Mapping[str, Shape]
    convolutions: list[ConvFacts]

    @property
    def weights(self) -> int:
        return sum(conv.weights * _places(conv) for conv in self.convolutions)

    @property
    def work(self) -> int:
        """Products for each pixel of a patch."""
        return sum(conv.weights * conv.source.factor**2 for conv in self.convolutions)

    @property
    def written(self) -> int:
        """Numbers for each pixel of a patch."""
        return sum(shape.size for shape in self.shapes.values())

    @property
    def memory(self) -> int:
        """Bytes for the weights and for two of the largest patches."""
        weights = sum(
            conv.weights * _places(conv) * BYTES_OF_A_WEIGHT // (2 if conv.source.codes else 1)
            for conv in self.convolutions
        )
        inner = self.shapes.keys() - {self.program.source, self.program.out}
        plan = Plan(self.program, {name: self.shapes[name] for name in inner})
        copied = max(shape.size for shape in self.shapes.values() if not shape.codes)
        return weights + 2 * PATCH**2 * (plan.bytes_of_a_pixel + 4 * copied)


def _places(conv: ConvFacts) -> int:
    return len(conv.weight) if conv.bordered else 1


def tensors_of(instruction: Any) -> list[str]:
    """The tensors that an instruction needs."""
    names = []
    if isinstance(instruction, Conv):
        tensors = ("weight", "bias") if instruction.bias else ("weight",)
        names = [f"{instruction.module}.{tensor}" for tensor in tensors]
        if instruction.norm is not None:
            names += [f"{instruction.norm.module}.{part}" for part in NORM]
    slopes = (getattr(instruction, name, None) for name in ("slope", "slope1", "slope2"))
    names += [slope for slope in slopes if isinstance(slope, str)]
    for grid in grids_of(instruction):
        asked = {"faintest": grid.relative, "span": grid.spans, "zero": grid.offset}
        parts = ["bounds", *(part for part, wanted in asked.items() if wanted)]
        if grid.selects:
            parts += ["input_scale", "selector.weight", "selector.bias"]
        names += [f"{grid.module}.{part}" for part in parts]
    return names


def grids_of(instruction: Any) -> list[Grid]:
    grids = (getattr(instruction, name, None) for name in ("grid", "round", "encode"))
    return [grid for grid in grids if isinstance(grid, Grid)]
