"""Joins instructions, so that a convolution does what follows it and each map is written once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import permutations

from cadyq_cli.engine.program import (
    Act,
    Add,
    Affine,
    BorderedConv,
    Concat,
    Conv,
    Curve,
    Decode,
    Instruction,
    Multiply,
    Program,
    Shuffle,
    Site,
)


def fused(program: Program) -> Program:
    """The same program with fewer instructions."""
    instructions = _with_gates(_without_concatenations(program.instructions))
    while (joined := _joined_once(program.out, instructions)) is not None:
        instructions = joined
    return replace(program, instructions=tuple(_needed(program.out, instructions)))


def _without_concatenations(instructions: Sequence[Instruction]) -> list[Instruction]:
    """Sites read the parts of a concatenation instead of the whole."""
    parts = {each.out: each.sources for each in instructions if isinstance(each, Concat)}
    return [
        replace(each, sources=tuple(part for s in each.sources for part in parts.get(s, (s,))))
        if isinstance(each, Site)
        else each
        for each in instructions
    ]


def _with_gates(instructions: Sequence[Instruction]) -> list[Instruction]:
    """Convolutions multiply (t + x) (sigmoid(t) - 1/2) of their result t themselves."""
    readers = Counter(value for each in instructions for value in each.reads)
    makers = {each.out: each for each in instructions}
    gated = [
        _gated(each, readers, makers) if isinstance(each, Multiply) else None
        for each in instructions
    ]
    return [conv or each for conv, each in zip(gated, instructions, strict=True)]


def _gated(product: Multiply, readers: Counter[str], makers: dict[str, Instruction]) -> Conv | None:
    """The convolution that does it all, if nothing else reads what is in between."""
    for total, weight in permutations(makers.get(source) for source in product.sources):
        if not isinstance(total, Add) or not isinstance(weight, Affine):
            continue
        curve = makers.get(weight.source)
        if not isinstance(curve, Curve) or curve.curve != "sigmoid" or not _is_gate(weight):
            continue
        conv = makers.get(curve.source)
        if not isinstance(conv, Conv) or conv.out not in total.sources or not _is_bare(conv):
            continue
        if [readers[s.out] for s in (conv, curve, weight, total)] != [2, 1, 1, 1]:
            continue
        other = next((v for v in total.sources if v != conv.out), None)
        conv = _with_sum(conv, other, makers)
        return None if conv is None else replace(conv, out=product.out, gate=True)
    return None


def _needed(out: str, instructions: Sequence[Instruction]) -> list[Instruction]:
    """Without instructions whose results nobody reads. Sites that are counted always count."""
    wanted = {out}
    kept: list[Instruction] = []
    for instruction in reversed(instructions):
        counted = isinstance(instruction, Site) and instruction.grid.name is not None
        if instruction.out in wanted or counted:
            wanted.update(instruction.reads)
            kept.append(instruction)
    return kept[::-1]


def _joined_once(out: str, instructions: Sequence[Instruction]) -> list[Instruction] | None:
    """Two instructions made one; None where there are none left."""
    instructions = _needed(out, instructions)
    readers = Counter(value for each in instructions for value in each.reads)
    makers = {each.out: each for each in instructions}
    for instruction in instructions:
        for value in instruction.reads:
            maker = makers.get(value)
            if maker is None or readers[value] > 1 or value == out:
                continue
            joined = _joined(maker, instruction, makers)
            if joined is not None:
                return [joined if i is instruction else i for i in instructions if i is not maker]
    return None


def _joined(
    first: Instruction, then: Instruction, makers: dict[str, Instruction]
) -> Instruction | None:
    """What does both at once, if one can; nothing else reads what `first` makes."""
    if isinstance(first, Affine) and isinstance(then, Affine):
        scale, offset = _composed(first.scale, first.offset, then)
        return replace(then, source=first.source, scale=scale, offset=offset)
    if not isinstance(first, Conv) or (first.encode and not isinstance(then, Decode)):
        return None
    if isinstance(first, BorderedConv) and not isinstance(then, (Affine, Shuffle)):
        return None
    conv = replace(first, out=then.out)
    if isinstance(then, Affine):
        return _with_affine(conv, then)
    if isinstance(then, Act):
        return _with_act(conv, then)
    if isinstance(then, Curve):
        return replace(conv, curve=then.curve) if _is_bare(conv) else None
    if isinstance(then, Add):
        return _with_sum(conv, next((v for v in then.sources if v != first.out), None), makers)
    if isinstance(then, Shuffle) and conv.shuffle == 1 and conv.add is None:
        return replace(conv, shuffle=then.factor)
    if isinstance(then, Site) and len(then.sources) == 1 and then.grid.fixed:
        return replace(conv, encode=then.grid)
    if isinstance(then, Decode) and conv.add is None and conv.round is None and conv.slope2 is None:
        return replace(conv, round=conv.encode, encode=None)
    return None


def _is_gate(weight: Affine) -> bool:
    return set(weight.scale) == {1.0} and set(weight.offset) == {-0.5}


def _with_affine(conv: Conv, then: Affine) -> Conv | None:
    """Behind a shuffle every channel is that of `shuffle` squared outputs."""
    if not _is_bare(replace(conv, shuffle=1)):
        return None
    scale, offset = (
        v if len(v) == 1 else tuple(x for x in v for _ in range(conv.shuffle**2))
        for v in (then.scale, then.offset)
    )
    gain, offset = _composed(conv.gain, conv.offset, replace(then, scale=scale, offset=offset))
    return replace(conv, gain=gain, offset=offset)


def _with_act(conv: Conv, then: Act) -> Conv | None:
    if _is_bare(conv):
        return replace(conv, slope1=then.slope)
    return replace(conv, slope2=then.slope) if conv.slope2 is None else None


def _with_sum(conv: Conv, other: str | None, makers: dict[str, Instruction]) -> Conv | None:
    """Codes are added as they are."""
    if other is None or conv.add is not None or conv.slope2 is not None or conv.shuffle > 1:
        return None
    maker = makers.get(other)
    return replace(conv, add=maker.source if isinstance(maker, Decode) else other)


def _is_bare(conv: Conv) -> bool:
    """Whether nothing comes after gain and offset."""
    after = (conv.slope1, conv.curve, conv.round, conv.add, conv.slope2)
    return all(part is None for part in after) and conv.shuffle == 1


def _composed(
    scale: tuple[float, ...], offset: tuple[float, ...], then: Affine
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """``then.scale * (scale * x + offset) + then.offset`` as one scale and one offset."""
    count = max(map(len, (scale, offset, then.scale, then.offset)))
    scales, offsets, scales2, offsets2 = (
        v * count if len(v) == 1 else v for v in (scale, offset, then.scale, then.offset)
    )
    new_scale = [a * b for a, b in zip(scales, scales2, strict=True)]
    new_offset = [o * b + p for o, b, p in zip(offsets, scales2, offsets2, strict=True)]
    return tuple(new_scale), tuple(new_offset)
