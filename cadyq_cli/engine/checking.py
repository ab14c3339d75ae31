"""Looks at a program and its tensors before any kernel does: `engine.rules`, applied."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cadyq_cli.engine import rules
from cadyq_cli.engine.buffers import Shape
from cadyq_cli.engine.facts import (
    ConvFacts,
    Facts,
    GridFacts,
    ProgramFacts,
    grids_of,
    tensors_of,
)
from cadyq_cli.engine.folding import STEP_SUFFIX, Arrays
from cadyq_cli.engine.limits import LARGEST_SCALE
from cadyq_cli.engine.loaded_grid import ends_of
from cadyq_cli.engine.program import (
    Bicubic,
    Concat,
    Conv,
    Grid,
    Instruction,
    Program,
    Shuffle,
    Site,
    Slice,
)


def checked(program: Program, arrays: Arrays) -> dict[str, Shape]:
    """The shape of every value of a program that fits its tensors.

    Raises:
        ValueError: a rule does not hold; the message names the instruction and says which.
    """
    _apply(rules.BEFORE, program, "its program")
    shapes = {program.source: Shape(3)}
    measured = measured_maps(program)
    convolutions: list[ConvFacts] = []
    for instruction in program.instructions:
        named = f"instruction {instruction.out!r} of its program"
        for name in _stored(instruction, arrays, named):
            _apply(rules.TENSORS, arrays[name], f"its tensor {name!r}")
        kind = ConvFacts if isinstance(instruction, Conv) else Facts
        facts = kind(instruction, shapes, arrays, measured)
        applying = (each for each in rules.INSTRUCTIONS if isinstance(instruction, each.applies_to))
        _apply(applying, facts, named)
        for grid in grids_of(instruction):
            subject = GridFacts(grid, arrays, _channels(facts, grid))
            _apply(rules.GRIDS, subject, f"{named} ({grid.module})")
        if isinstance(facts, ConvFacts):
            convolutions.append(facts)
        shapes[instruction.out] = _shape(facts)
        if shapes[instruction.out].factor > LARGEST_SCALE:
            raise ValueError(f"{named} is more than {LARGEST_SCALE} times as large as the patch")
    _apply(rules.WHOLE, ProgramFacts(program, shapes, convolutions), "its program")
    return shapes


def measured_maps(program: Program) -> frozenset[str]:
    """The maps whose channels' sums some site asks for, directly or of a slice."""
    asked = {
        source
        for instruction in program.instructions
        if isinstance(instruction, Site) and not instruction.grid.fixed
        for source in instruction.sources
    }
    slices = {s.source for s in program.instructions if isinstance(s, Slice) and s.out in asked}
    return frozenset(asked | slices)


def _stored(instruction: Instruction, arrays: Arrays, named: str) -> list[str]:
    """The tensors that an instruction reads."""
    names = tensors_of(instruction)
    if missing := [name for name in names if name not in arrays]:
        raise ValueError(f"{named} needs {missing[0]!r}, which the file lacks")
    return names + [name + STEP_SUFFIX for name in names if name + STEP_SUFFIX in arrays]


def _apply(table: Iterable[rules.Rule], subject: Any, named: str) -> None:
    for rule in table:
        if not rule.holds(subject):
            raise ValueError(f"{named} {rule.fault}")


def _shape(facts: Facts) -> Shape:
    """What an instruction makes."""
    instruction = facts.instruction
    match instruction:
        case Conv(shuffle=r) if isinstance(facts, ConvFacts):
            outputs, factor = facts.outputs // r**2, facts.source.factor * r
            return _encoded(outputs, factor, instruction.encode, facts.arrays)
        case Site():
            return _encoded(facts.channels, facts.source.factor, instruction.grid, facts.arrays)
        case Concat():
            return Shape(facts.channels, facts.source.factor)
        case Slice():
            kept = range(facts.source.channels)[instruction.start : instruction.stop]
            return Shape(len(kept), facts.source.factor)
        case Shuffle(factor=r):
            return Shape(facts.source.channels // r**2, facts.source.factor * r)
        case Bicubic(factor=r):
            return Shape(facts.source.channels, facts.source.factor * r)
    return Shape(facts.source.channels, facts.source.factor)


def _encoded(channels: int, factor: int, grid: Grid | None, arrays: Arrays) -> Shape:
    if grid is None:
        return Shape(channels, factor)
    ends = ends_of(grid, arrays)
    lowest, highest = min(low.min() for low, _ in ends), max(high.max() for _, high in ends)
    return Shape(channels, factor, codes=True, range=(int(lowest), int(highest)))


def _channels(facts: Facts, grid: Grid) -> int:
    """That one of an instruction's grids rounds."""
    if not isinstance(facts, ConvFacts):
        return facts.channels
    return facts.outputs // (facts.conv.shuffle**2 if grid is facts.conv.encode else 1)
