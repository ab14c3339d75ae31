"""How far around itself a pixel of the result looks."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from typing import Any

from cadyq_cli.engine.program import Bicubic, Conv, Deconvolution, Instruction, Program, Shuffle

BICUBIC = 2  # px to each side that bicubic interpolation looks at
FARTHEST = 32  # px that overlaps of tiles allow for; taken, too, where no program tells


def reach_of(program: Program, tensors: Mapping[str, Any]) -> int:
    """The radius of the receptive field, in whole pixels of the source, rounded up.

    Further apart two pixels meet only in what is measured over the whole patch: widths and ranges.

    Args:
        program: The network.
        tensors: Its tensors by name, of numpy or torch.
    """
    reaches, factors = {program.source: 0.0}, {program.source: 1}
    for instruction in program.instructions:
        factor = factors[instruction.reads[0]]
        reach = max(reaches[value] for value in instruction.reads)
        reaches[instruction.out] = reach + _radius(instruction, tensors) / factor
        factors[instruction.out] = factor * _growth(instruction)
    return ceil(reaches[program.out])


def _radius(instruction: Instruction, tensors: Mapping[str, Any]) -> int:
    if isinstance(instruction, Bicubic):
        return BICUBIC
    if not isinstance(instruction, Conv):
        return 0
    kernel_size: int = tensors[f"{instruction.module}.weight"].shape[-1]
    if instruction.deconvolution is None:
        return kernel_size // 2
    return deconvolution_reach(kernel_size, instruction.deconvolution)


def deconvolution_reach(kernel_size: int, how: Deconvolution) -> int:
    """How far the convolution looks that a transposed one of `kernel_size` taps a side equals."""
    return max(kernel_size - 1 - how.padding, how.padding + how.stride - 1) // how.stride


def _growth(instruction: Instruction) -> int:
    """How many times as large an instruction makes its first input."""
    match instruction:
        case Conv(shuffle=factor) | Shuffle(factor=factor) | Bicubic(factor=factor):
            return factor
    return 1
