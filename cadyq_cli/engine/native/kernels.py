"""The native kernels: which of them a convolution takes, and how its weights are packed."""

from __future__ import annotations

import ctypes
import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from cadyq_cli.engine.folding import without_groups
from cadyq_cli.engine.kernels import IMAGE, PAD, TILE, WIDEST, Codes, Epilogue, Rounding, Sums
from cadyq_cli.engine.native.arguments import (
    check_codes,
    check_epilogue,
    check_map,
    check_rounding,
    check_weight,
)
from cadyq_cli.engine.native.library import (
    EpilogueStructure,
    NativeUnavailable,
    address,
    done,
    function_table,
    instruction_sets,
)
from cadyq_cli.engine.runner import Map

_POINTS = 36  # products of a Winograd tile, per input and output
_LINE = 64  # bytes of a cache line
_TILE_DEPTH, _TILE_SIDE = 64, 16  # inputs and outputs of a matrix unit's tile
_GRIDS = ((0, 255), (-128, 127), (-255, 255))  # codes that it tells apart
_WINOGRAD_LIMIT = 1 << 25  # sums of products that its exact division can tell apart
_CURVES = {None: 0, "silu": 1, "hardswish": 2, "sigmoid": 3}


@dataclass(frozen=True, slots=True)
class Packed:
    """Weights in the order in which a kernel reads them."""

    numbers: NDArray[Any]
    kernel: Literal["matrix", "winograd", "direct", "image"]
    shape: tuple[int, ...]  # what the kernel asks for: outputs, layout
    order: NDArray[np.intp] | None  # of the outputs, if the kernel writes them shuffled
    inputs: int  # of what it convolves; of codes, those that a pixel has room for
    shuffle: int

    @property
    def outputs(self) -> int:
        return self.shape[0]


class NativeKernels:
    """The kernels of one instruction set; see `engine.kernels.Kernels` for what they do.

    Threads may share them: every call works in memory of its thread.

    Raises:
        NativeUnavailable: no library, none of its instruction sets runs on this processor, or it
            computes something else than it should.
    """

    def __init__(self, isa: str | None = None) -> None:
        names = [isa] if isa else list(instruction_sets())
        for name in names:
            if table := function_table(name):
                self.name, self._table = name, table
                _check(self)
                return
        raise NativeUnavailable(f"this processor cannot run the {' or '.join(names)} kernels")

    def new_codes(self, height: int, width: int, channels: int) -> Codes:
        shape = (
            _up(height, TILE) + 2 * PAD,
            _up(width, TILE) + 2 * PAD,
            _up(channels, self._table.lanes),
        )
        return _aligned(math.prod(shape), np.int16).reshape(shape)

    def pack(
        self,
        weight: NDArray[np.int8],
        *,
        groups: int = 1,
        shuffle: int = 1,
        codes: tuple[int, int] = WIDEST,
    ) -> Packed:
        weight = without_groups(weight, groups)
        check_weight(weight, np.int8, shuffle)
        ordered, order = _ordered(weight, shuffle)
        outputs, inputs, size, _ = weight.shape
        table, lanes, side = self._table, self._table.lanes, self._side(outputs)
        inputs_padded, outputs_padded = _up(inputs, lanes), _up(outputs, lanes)
        if table.matrix:
            grid = next(i for i, (low, high) in enumerate(_GRIDS) if _within(codes, low, high))
            pixel = inputs_padded * (2 if _GRIDS[grid] == WIDEST else 1)
            depth = _up((size + side - 1) * pixel, _TILE_DEPTH)
            numbers = _aligned(size * depth * _up(side * outputs, _TILE_SIDE), np.int8)
            done(
                table.pack_matrix(
                    address(ordered), inputs, outputs, size, side, grid, address(numbers)
                )
            )
            return Packed(
                numbers, "matrix", (outputs, size, side, grid), order, inputs_padded, shuffle
            )
        largest = int(np.abs(weight.astype(np.int64)).sum(axis=(1, 2, 3)).max()) * WIDEST[1]
        if size == 3 and largest < _WINOGRAD_LIMIT:
            numbers = _aligned(_POINTS * inputs_padded * outputs_padded, np.int16)
            done(table.pack_winograd(address(ordered), inputs, outputs, address(numbers)))
            return Packed(numbers, "winograd", (outputs,), order, inputs_padded, shuffle)
        numbers = _aligned(size * (size + side - 1) * inputs_padded * outputs_padded, np.int16)
        done(table.pack_direct(address(ordered), inputs, outputs, size, side, address(numbers)))
        return Packed(numbers, "direct", (outputs, size, side), order, inputs_padded, shuffle)

    def pack_float(self, weight: NDArray[np.float32], *, shuffle: int = 1) -> Packed:
        check_weight(weight, np.float32, shuffle)
        ordered, order = _ordered(weight, shuffle)
        outputs, inputs, size, _ = weight.shape
        table, lanes, side = self._table, self._table.lanes, self._side(outputs)
        if size == 3 and inputs >= lanes:
            numbers = _aligned(_POINTS * _up(inputs, lanes) * _up(outputs, lanes), np.float32)
            done(table.pack_winograd_float(address(ordered), inputs, outputs, address(numbers)))
            return Packed(numbers, "winograd", (outputs,), order, inputs, shuffle)
        if inputs <= IMAGE:
            numbers = _aligned(size**2 * inputs * _up(outputs, lanes), np.float64)
            done(table.pack_image(address(ordered), inputs, outputs, size, address(numbers)))
            return Packed(numbers, "image", (outputs, size), order, inputs, shuffle)
        numbers = _aligned(size * (size + side - 1) * inputs * _up(outputs, lanes), np.float32)
        done(table.pack_float(address(ordered), inputs, outputs, size, side, address(numbers)))
        return Packed(numbers, "direct", (outputs, size, side), order, inputs, shuffle)

    def _side(self, outputs: int) -> int:
        """Pixels whose outputs fill a vector."""
        return next((side for side in (4, 2) if side * outputs <= self._table.lanes), 1)

    def encode(self, source: Map, rounding: Rounding, out: Codes, channel: int) -> None:
        check_map(source)
        height, width, channels = source.shape
        check_rounding(rounding, channels)
        check_codes(out, height, width, channel + channels)
        grid = _grid(rounding, self._table.lanes)
        start, pitch = address(out) + 2 * channel, out.shape[2]
        done(
            self._table.encode(
                address(source), height, width, channels, address(grid), start, pitch
            )
        )

    def sums(self, source: Map) -> Sums:
        check_map(source)
        height, width, channels = source.shape
        totals, squares = np.empty(channels), np.empty(channels)
        done(
            self._table.sums(
                address(source), height * width, channels, address(totals), address(squares)
            )
        )
        return totals, squares

    def convolve(
        self,
        codes: Codes,
        height: int,
        width: int,
        packed: Packed,
        out: Map | None,
        epilogue: Epilogue,
    ) -> Sums | None:
        check_codes(codes, height, width, packed.inputs, exactly=True)
        source = (address(codes), height, width, codes.shape[2])
        return self._run(packed.kernel, source, packed, out, epilogue)

    def convolve_float(
        self, source: Map, packed: Packed, out: Map | None, epilogue: Epilogue
    ) -> Sums | None:
        check_map(source, packed.inputs)
        kernel = f"{packed.kernel}_float"
        return self._run(kernel, (address(source), *source.shape), packed, out, epilogue)

    def _run(
        self,
        kernel: str,
        source: tuple[int, ...],
        packed: Packed,
        out: Map | None,
        epilogue: Epilogue,
    ) -> Sums | None:
        check_epilogue(
            epilogue, source[1:3], packed.outputs, packed.shuffle, out, lanes=self._table.lanes
        )
        prepared = _Prepared(epilogue, packed, self._table.lanes)
        result = None if out is None else address(out)
        numbers = address(packed.numbers)
        call = getattr(self._table, kernel)
        done(call(*source, numbers, *packed.shape, result, prepared.structure))
        return prepared.sums()


class _Prepared:
    """An epilogue as C reads it, and the arrays that it points to."""

    def __init__(self, epilogue: Epilogue, packed: Packed, lanes: int) -> None:
        self._shuffle = epilogue.shuffle
        self._kept: list[NDArray[Any]] = []
        structure = EpilogueStructure(
            curve=_CURVES[epilogue.curve], gate=epilogue.gate, shuffle=epilogue.shuffle
        )
        for name in ("scale", "bias", "slope1", "slope2"):
            values = getattr(epilogue, name)
            if values is not None:
                values = values if packed.order is None else values[packed.order]
                values = np.ascontiguousarray(values, np.float32)
                setattr(structure, name, self._keep(values))
        if epilogue.round is not None:
            order = slice(None) if packed.order is None else packed.order
            structure.round_grid = self._keep(_grid(epilogue.round, lanes, order))
        if epilogue.add_map is not None:
            structure.add_map = self._keep(epilogue.add_map)
        if epilogue.add_codes is not None:
            codes, steps = epilogue.add_codes
            structure.add_codes, structure.add_pitch = self._keep(codes), codes.shape[2]
            structure.add_steps = self._keep(_whole_vectors(steps, lanes))
        if epilogue.codes is not None:
            to = epilogue.codes
            structure.codes = self._keep(to.array) + to.array.itemsize * to.channel
            structure.codes_pitch = to.array.shape[2]
            order = np.arange(packed.outputs) % len(to.rounding.steps)
            structure.codes_grid = self._keep(_grid(to.rounding, lanes, order))
        self._totals: NDArray[np.float64] | None = None
        if epilogue.statistics:
            self._totals = np.empty((2, packed.outputs))
            structure.sums, structure.squares = map(self._keep, self._totals)
        self.structure = ctypes.byref(structure)

    def _keep(self, array: NDArray[Any]) -> int:
        self._kept.append(array)
        return address(array)

    def sums(self) -> Sums | None:
        """Of each channel of what was written."""
        if self._totals is None:
            return None
        totals, squares = self._totals.reshape(2, self._shuffle**2, -1).sum(axis=1)
        return totals, squares


def _check(kernels: NativeKernels) -> None:
    """Sum a few products, with both kinds of kernel, and compare with numpy."""
    height, width, inputs, outputs = 5, 6, 40, 9  # inputs of both a whole and a half vector
    numbers = np.arange(9 * inputs * outputs) * 37 % 255  # all sizes in no order
    weight = (numbers - 127).astype(np.int8).reshape(outputs, inputs, 3, 3)
    codes = kernels.new_codes(height, width, inputs)
    codes[PAD : PAD + height, PAD : PAD + width, :inputs] = numbers[: 30 * inputs].reshape(
        height, width, inputs
    )
    out = np.empty((height, width, outputs), np.float32)
    plain = Epilogue(np.ones(outputs, np.float32), np.zeros(outputs, np.float32))
    for size in (1, 3):
        taps = weight[:, :, 1:2, 1:2] if size == 1 else weight
        kernels.convolve(codes, height, width, kernels.pack(taps), out, plain)
        start = PAD - size // 2
        reach = codes[start : start + height + size - 1, start : start + width + size - 1, :inputs]
        windows = sliding_window_view(reach.astype(np.int64), (size, size), axis=(0, 1))
        if (out != np.einsum("hwiyx,oiyx->hwo", windows, taps.astype(np.int64))).any():
            raise NativeUnavailable(f"the {kernels.name} kernels compute wrongly here")


def _grid(
    rounding: Rounding, lanes: int, order: NDArray[np.intp] | slice = slice(None)
) -> NDArray[np.float32]:
    """A grid as kernels.h describes it, of channels in that order."""
    steps, lowest, highest = (_whole_vectors(each[order], lanes) for each in rounding)
    return np.stack([steps, 1 / steps, lowest, highest])


def _whole_vectors(numbers: NDArray[np.float32], lanes: int) -> NDArray[np.float32]:
    """Numbers, and ones behind them that fill a vector."""
    filled = np.ones(_up(len(numbers), lanes), np.float32)
    filled[: len(numbers)] = numbers
    return filled


def _within(codes: tuple[int, int], low: int, high: int) -> bool:
    return low <= codes[0] and codes[1] <= high


def _up(number: int, multiple: int) -> int:
    return -(-number // multiple) * multiple


def _aligned(count: int, kind: Any) -> NDArray[Any]:
    """Zeros that begin with a cache line, so that no vector lies across two."""
    size = count * np.dtype(kind).itemsize
    raw = np.zeros(size + _LINE, np.uint8)
    start = -raw.ctypes.data % _LINE
    return raw[start : start + size].view(kind)


def _ordered(weight: NDArray[Any], shuffle: int) -> tuple[NDArray[Any], NDArray[np.intp] | None]:
    """Weights in the order in which outputs are written, and where each output comes from.

    With a pixel shuffle all channels of a pixel stand together.
    """
    if shuffle == 1:
        return np.ascontiguousarray(weight), None
    order: NDArray[np.intp] = np.arange(len(weight)).reshape(-1, shuffle**2).T.ravel()
    return np.ascontiguousarray(weight[order]), order
