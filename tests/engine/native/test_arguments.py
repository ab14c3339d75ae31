"""Kernels refuse arrays that are not of the size that they would read or write."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from reference_kernels import rounding

from cadyq_cli.engine.kernels import CodesOut, Epilogue
from cadyq_cli.engine.native.kernels import NativeKernels

KERNELS = NativeKernels("generic")
FLOATS = np.ones((5, 6, 8), np.float32)
OUT = np.empty((5, 6, 4), np.float32)


def epilogue(**more: Any) -> Epilogue:
    return Epilogue(**({"scale": np.ones(4, np.float32), "bias": np.ones(4, np.float32)} | more))


WRONG = [
    epilogue(bias=np.ones(3, np.float32)),
    epilogue(slope1=np.ones(5, np.float32)),
    epilogue(add_map=np.ones((5, 6, 3), np.float32)),
    epilogue(add_codes=(KERNELS.new_codes(4, 3, 4), np.ones(4, np.float32))),
    epilogue(add_codes=(KERNELS.new_codes(5, 6, 4), np.ones(3, np.float32))),
    epilogue(shuffle=2),
    epilogue(round=rounding(3, 1, 0, 1)),
    epilogue(round=rounding(4, 1, 0, 256)),
    epilogue(codes=CodesOut(KERNELS.new_codes(5, 6, 4), rounding(4, 1, 0, 1), 3)),
    epilogue(codes=CodesOut(KERNELS.new_codes(1, 6, 4), rounding(4, 1, 0, 1))),
    epilogue(codes=CodesOut(KERNELS.new_codes(5, 6, 4), rounding(3, 1, 0, 1))),
    epilogue(codes=CodesOut(KERNELS.new_codes(5, 6, 4), rounding(4, 1, -256, 1))),
]


@pytest.mark.parametrize("wrong", WRONG)
def test_what_an_epilogue_points_to_has_its_size(wrong: Epilogue) -> None:
    packed = KERNELS.pack_float(np.ones((4, 8, 3, 3), np.float32))
    KERNELS.convolve_float(FLOATS, packed, OUT, epilogue())
    with pytest.raises(ValueError, match=r"\d"):
        KERNELS.convolve_float(FLOATS, packed, OUT, wrong)


def test_inputs_and_outputs_have_their_sizes() -> None:
    packed = KERNELS.pack_float(np.ones((4, 8, 3, 3), np.float32))
    with pytest.raises(ValueError, match="channels"):
        KERNELS.convolve_float(FLOATS[:, :, :7].copy(), packed, OUT, epilogue())
    with pytest.raises(ValueError, match="to write to"):
        KERNELS.convolve_float(FLOATS, packed, OUT[:4], epilogue())
    codes = KERNELS.pack(np.ones((4, 8, 3, 3), np.int8))
    with pytest.raises(ValueError, match="codes of shape"):
        KERNELS.convolve(KERNELS.new_codes(5, 6, 8), 50, 6, codes, OUT, epilogue())
    with pytest.raises(ValueError, match="room"):
        KERNELS.encode(FLOATS, rounding(8, 1, 0, 1), KERNELS.new_codes(5, 6, 8), 1)
    with pytest.raises(ValueError, match="grids of 7 channels"):
        KERNELS.encode(FLOATS, rounding(7, 1, 0, 1), KERNELS.new_codes(5, 6, 8), 0)


@pytest.mark.parametrize("shape", [(4, 8, 11, 11), (4, 8, 2, 2), (4, 8, 3, 5), (0, 8, 3, 3)])
def test_kernels_reach_no_further_than_the_padding(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"kernel|weights"):
        KERNELS.pack(np.zeros(shape, np.int8))
    with pytest.raises(ValueError, match=r"kernel|weights"):
        KERNELS.pack_float(np.zeros(shape, np.float32))


def test_the_library_itself_refuses_what_overruns_its_stack() -> None:
    table, numbers = KERNELS._table, np.zeros(1 << 16, np.int8).ctypes.data
    assert table.pack_direct(numbers, 1, 1, 11, 1, numbers) == 2
    assert table.pack_float(numbers, 1, 1, 3, 3, numbers) == 2


def test_a_value_that_is_no_number_becomes_a_code_of_the_grid() -> None:
    source = np.full((1, 1, 21), np.nan, np.float32)
    source[0, 0, ::2] = np.inf
    codes = KERNELS.new_codes(1, 1, 21)
    KERNELS.encode(source, rounding(21, 1, -7, 7), codes, 0)
    assert np.abs(codes).max() <= 7
