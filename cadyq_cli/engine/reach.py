"""How far around itself a pixel of the result looks."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil

from cadyq_cli.engine.program import Bicubic, Conv, Deconvolution, Program, Shuffle, Step

BICUBIC = 2  # px to each side that bicubic interpolation looks at


def reach_of(program: Program, edge_of: Callable[[str], int]) -> int:
    """The radius of the receptive field, in whole pixels of the source, rounded up.

    Further apart two pixels meet only in what is measured over the whole patch: widths and ranges.

    Args:
        program: The network.
        edge_of: The edge of a convolution's kernel in pixels, by the name of its module.
    """
    reaches, factors = {program.source: 0.0}, {program.source: 1}
    for step in program.steps:
        factor = factors[step.reads[0]]
        reach = max(reaches[value] for value in step.reads)
        reaches[step.out] = reach + _radius(step, edge_of) / factor
        factors[step.out] = factor * _growth(step)
    return ceil(reaches[program.out])


def _radius(step: Step, edge_of: Callable[[str], int]) -> int:
    match step:
        case Conv(deconvolution=None):
            return edge_of(step.module) // 2
        case Conv(deconvolution=Deconvolution(stride=stride, padding=padding)):
            before, behind = edge_of(step.module) - 1 - padding, padding + stride - 1
            return max(before, behind) // stride
        case Bicubic():
            return BICUBIC
    return 0


def _growth(step: Step) -> int:
    """How many times as large a step makes its first input."""
    match step:
        case Conv(shuffle=factor) | Shuffle(factor=factor) | Bicubic(factor=factor):
            return factor
    return 1
