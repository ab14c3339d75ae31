"""Values share memory only while none of them is needed any more."""

from __future__ import annotations

import numpy as np
import pytest
from reference_kernels import ReferenceKernels
from tiny_networks import TINY, tiny

from cadyq_cli.engine.executor import Executable
from cadyq_cli.opening import executable_of


def executable(backbone: str, precision: str = "dynamic") -> Executable:
    layers = {} if precision == "float" else {"edges": "static"}
    return executable_of(tiny(backbone, 4, precision, layers=layers), ReferenceKernels())


@pytest.mark.parametrize("precision", ["float", "static", "dynamic"])
@pytest.mark.parametrize("backbone", TINY)
def test_values_that_are_needed_at_the_same_time_share_nothing(
    backbone: str, precision: str
) -> None:
    runner = executable(backbone, precision)
    program = runner.program
    arrays = runner._take(6, 5).arrays
    born = {each.out: i for i, each in enumerate(program.instructions)}
    dies = {value: i for i, each in enumerate(program.instructions) for value in each.reads}
    for a in arrays:
        for b in arrays:
            together = born[a] <= dies.get(b, born[b]) and born[b] <= dies.get(a, born[a])
            if a < b and together:
                assert not np.shares_memory(arrays[a], arrays[b]), (a, b)


def test_memory_does_not_grow_with_the_number_of_blocks() -> None:
    sizes = []
    for blocks in (2, 5):
        network = tiny("edsr", 4, "dynamic", blocks=blocks, layers={"edges": "static"})
        arrays = executable_of(network, ReferenceKernels())._take(8, 8).arrays
        bases = {id(a if a.base is None else a.base): a for a in arrays.values()}
        sizes.append(sum(a.nbytes if a.base is None else a.base.nbytes for a in bases.values()))
    assert sizes[0] == sizes[1]


def test_a_patch_of_the_same_size_uses_the_same_memory() -> None:
    runner = executable("edsr")
    small, other = np.zeros((6, 5, 3), np.float32), np.zeros((5, 6, 3), np.float32)
    runner.run(small)
    (first,) = runner._spare
    runner.run(small)
    assert runner._spare == [first]
    runner.run(other)
    assert [spare.size for spare in runner._spare] == [(5, 6)]
