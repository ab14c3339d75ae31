"""What does not fit is refused before any kernel sees it, with the instruction's name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from reference_kernels import ReferenceKernels

from cadyq_cli.engine.executor import Executable
from cadyq_cli.engine.program import (
    Add,
    Affine,
    Bicubic,
    Concat,
    Conv,
    Decode,
    Grid,
    Instruction,
    Program,
    Shuffle,
    Site,
    Slice,
)
from cadyq_cli.errors import CheckpointError

END = Bicubic(out="y", source="x", factor=2)
GRID = Grid(module="s", widths=(8,))
SITE = Site(out="q", sources=("x",), grid=GRID)


def of(**grid: Any) -> Site:
    return Site(out="q", sources=("x",), grid=Grid(module="s", **grid))


SPANNED, SHIFTED = of(widths=(8,), spans=True), of(widths=(8,), offset=True)
LARGE = Bicubic(out="b", source="x", factor=4)


def ones(*shape: int, kind: Any = np.float32) -> Any:
    return np.ones(shape, kind)


def conv(source: str = "x", **more: Any) -> Conv:
    entries: dict[str, Any] = {"out": "c", "source": source, "module": "w", "bias": False}
    return Conv(**(entries | more))


def opened(instructions: list[Instruction], tensors: dict[str, Any]) -> Executable:
    program = Program(scale=2, source="x", out="y", instructions=(*instructions, END))
    return Executable(program, {"s.bounds": ones(1), **tensors}, ReferenceKernels())


WRONG: list[tuple[list[Instruction], dict[str, Any], str]] = [
    ([LARGE, Site(out="q", sources=("x", "b"), grid=GRID)], {}, "'q'.*several sizes"),
    ([Site(out="q", sources=(), grid=GRID)], {}, "'q'.*reads nothing"),
    ([Site(out="q", sources=("x",), grid=Grid(module="s", widths=(2**31,)))], {}, "widths"),
    (
        [Site(out="q", sources=("x",), grid=Grid(module="s", widths=(9,), unsigned=True))],
        {},
        "-255",
    ),
    ([Site(out="q", sources=("x",), grid=Grid(module="s", widths=(4, 8)))], {}, "select"),
    ([SITE], {"s.bounds": ones(2)}, "bound"),
    ([SPANNED], {"s.span": ones(2)}, "span"),
    ([SPANNED], {"s.span": ones(3) * 0}, "span above 0"),
    ([SPANNED], {}, "needs 's.span'"),
    ([SHIFTED], {"s.zero": ones(1)}, "below 0"),
    ([SHIFTED], {"s.zero": ones(3) * 1.01}, "below 0"),
    ([of(widths=(8,), offset=True, unsigned=True)], {"s.zero": ones(3)}, "cannot be negative"),
    ([of(widths=(9,), offset=True)], {"s.zero": ones(3)}, "-255"),
    ([SITE], {"s.bounds": -ones(1)}, "bounds"),
    ([SITE], {"s.bounds": ones(1) * np.nan}, "not finite"),
    ([conv()], {"w.weight": ones(3, 3, 11, 11)}, "'c'.*wider than 9"),
    ([conv()], {"w.weight": ones(3, 3, 2, 2)}, "even"),
    ([conv()], {"w.weight": ones(3, 3, 1, 3)}, "square"),
    ([conv()], {"w.weight": ones(3, 5, 3, 3)}, "inputs"),
    ([conv(groups=0)], {"w.weight": ones(3, 3, 1, 1)}, "groups"),
    ([conv(shuffle=2)], {"w.weight": ones(3, 3, 1, 1)}, "shuffle"),
    ([conv(bias=True)], {"w.weight": ones(3, 3, 1, 1), "w.bias": ones(2)}, "bias"),
    ([conv(slope1="a")], {"w.weight": ones(30, 3, 1, 1), "a": ones(31)}, "slope"),
    ([conv(gain=(1.0, 2.0))], {"w.weight": ones(3, 3, 1, 1)}, "gain"),
    ([LARGE, conv(add="b")], {"w.weight": ones(3, 3, 1, 1)}, "adds"),
    ([conv()], {"w.weight": np.zeros((2**28, 0, 1, 1), np.float32)}, "is empty"),
    ([conv()], {"w.weight": ones(3, 3, 1, 1, kind=np.int64)}, "kind"),
    ([SITE, conv("q")], {"w.weight": ones(3, 3, 1, 1)}, "no codes"),
    (
        [SITE, conv("q")],
        {"w.weight": ones(3, 3, 1, 1, kind=np.int8), "w.weight.step": ones(5)},
        "step",
    ),
    ([Shuffle(out="c", source="x", factor=0)], {}, "enlarges"),
    ([Shuffle(out="c", source="x", factor=2)], {}, "divide"),
    ([Add(out="c", sources=("x",))], {}, "two maps"),
    ([LARGE, Add(out="c", sources=("x", "b"))], {}, "several sizes"),
    ([LARGE, Concat(out="c", sources=("x", "b"))], {}, "several sizes"),
    ([Decode(out="c", source="x")], {}, "codes are needed"),
    ([SITE, Affine(out="c", source="q")], {}, "map is needed"),
    ([Affine(out="c", source="x", scale=(1.0, 2.0))], {}, "each channel"),
    ([Slice(out="c", source="x", start=3, stop=1)], {}, "lacks"),
    ([Slice(out="c", source="x", start=0, stop=9)], {}, "lacks"),
]


@pytest.mark.parametrize(("instructions", "tensors", "fault"), WRONG, ids=lambda v: str(v)[-20:])
def test_what_does_not_fit_is_refused_with_the_name_of_its_instruction(
    instructions: list[Instruction], tensors: dict[str, Any], fault: str
) -> None:
    with pytest.raises(ValueError, match=fault):
        opened(instructions, tensors)


def test_a_patch_has_to_fit_into_memory() -> None:
    instructions: list[Instruction] = []
    for i in range(4):
        source = "x" if i == 0 else f"c{i - 1}"
        instructions.append(Concat(out=f"c{i}", sources=(source,) * 8))
    with pytest.raises(ValueError, match=r"channels|memory|numbers a pixel"):
        opened(instructions, {})


def test_a_result_that_is_not_finite_is_an_error_of_the_network() -> None:
    instructions: list[Instruction] = [conv(), conv("c", out="d"), Add(out="e", sources=("d", "x"))]
    big = np.full((3, 3, 1, 1), 1e30, np.float32)
    program = Program(
        scale=2,
        source="x",
        out="y",
        instructions=(*instructions, Bicubic(out="y", source="e", factor=2)),
    )
    patch = np.full((4, 5, 3), 0.5, np.float32)
    executable = Executable(program, {"w.weight": big}, ReferenceKernels(), name="theirs")
    with pytest.raises(CheckpointError, match=r"theirs.*not finite"):
        executable.run(patch)
