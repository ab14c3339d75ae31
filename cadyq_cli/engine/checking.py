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
from cadyq_cli.engine.program import (
    Bicubic,
    Concat,
    Conv,
    Program,
    Shuffle,
    Site,
    Slice,
    Step,
)


def checked(program: Program, arrays: Arrays) -> dict[str, Shape]:
    """The shape of every value of a program that fits its tensors.

    Raises:
        ValueError: a rule does not hold; the message names the step and says which.
    """
    _apply(rules.BEFORE, program, "its program")
    shapes = {program.source: Shape(3)}
    measured = measured_maps(program)
    convolutions: list[ConvFacts] = []
    for step in program.steps:
        named = f"step {step.out!r} of its program"
        for name in _stored(step, arrays, named):
            _apply(rules.TENSORS, arrays[name], f"its tensor {name!r}")
        kind = ConvFacts if isinstance(step, Conv) else Facts
        facts = kind(step, shapes, arrays, measured)
        _apply((rule for rule in rules.STEPS if isinstance(step, rule.applies_to)), facts, named)
        channels = facts.channels if isinstance(step, Site) else 0
        for grid in grids_of(step):
            _apply(rules.GRIDS, GridFacts(grid, arrays, channels), f"{named} ({grid.module})")
        if isinstance(facts, ConvFacts):
            convolutions.append(facts)
        shapes[step.out] = _shape(facts)
        if shapes[step.out].factor > LARGEST_SCALE:
            raise ValueError(f"{named} is more than {LARGEST_SCALE} times as large as the patch")
    _apply(rules.WHOLE, ProgramFacts(program, shapes, convolutions), "its program")
    return shapes


def measured_maps(program: Program) -> frozenset[str]:
    """The maps whose channels' sums some site asks for, directly or of a slice."""
    asked = {
        source
        for step in program.steps
        if isinstance(step, Site) and not step.grid.fixed
        for source in step.sources
    }
    slices = {s.source for s in program.steps if isinstance(s, Slice) and s.out in asked}
    return frozenset(asked | slices)


def _stored(step: Step, arrays: Arrays, named: str) -> list[str]:
    """The tensors that a step reads."""
    names = tensors_of(step)
    if missing := [name for name in names if name not in arrays]:
        raise ValueError(f"{named} needs {missing[0]!r}, which the file lacks")
    return names + [name + STEP_SUFFIX for name in names if name + STEP_SUFFIX in arrays]


def _apply(table: Iterable[rules.Rule], subject: Any, named: str) -> None:
    for rule in table:
        if not rule.holds(subject):
            raise ValueError(f"{named} {rule.fault}")


def _shape(facts: Facts) -> Shape:
    """What a step makes."""
    step = facts.step
    match step:
        case Conv(shuffle=r) if isinstance(facts, ConvFacts):
            outputs, factor = facts.outputs // r**2, facts.source.factor * r
            return _encoded(outputs, factor, step.encode)
        case Site():
            return _encoded(facts.channels, facts.source.factor, step.grid)
        case Concat():
            return Shape(facts.channels, facts.source.factor)
        case Slice():
            kept = range(facts.source.channels)[step.start : step.stop]
            return Shape(len(kept), facts.source.factor)
        case Shuffle(factor=r):
            return Shape(facts.source.channels // r**2, facts.source.factor * r)
        case Bicubic(factor=r):
            return Shape(facts.source.channels, facts.source.factor * r)
    return Shape(facts.source.channels, facts.source.factor)


def _encoded(channels: int, factor: int, grid: Any) -> Shape:
    if grid is None:
        return Shape(channels, factor)
    lows, highs = zip(*grid.codes, strict=True)
    return Shape(channels, factor, codes=True, range=(min(lows), max(highs)))
