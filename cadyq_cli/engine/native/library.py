"""The native kernels, called through their plain C interface."""

from __future__ import annotations

import ctypes
import math
import os
from collections.abc import Iterator
from ctypes import POINTER, c_char_p, c_float, c_int, c_int32, c_int64, c_void_p, sizeof
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from cadyq_cli.engine.folding import without_groups
from cadyq_cli.engine.kernels import IMAGE, PAD, TILE, WIDEST, Codes, Epilogue, Map, Sums

ISA_VARIABLE = "CADYQ_ISA"  # the instruction set to use; "none" hides the library
SUFFIXES = (".so", ".dylib", ".dll")

_POINTS = 36  # products of a Winograd tile, per input and output
_LINE = 64  # bytes of a cache line
_TILE_DEPTH, _TILE_SIDE = 64, 16  # inputs and outputs of a matrix unit's tile
_GRIDS = ((0, 255), (-128, 127), (-255, 255))  # codes that it tells apart
_WINOGRAD_LIMIT = 1 << 25  # sums of products that its exact division can tell apart
_CURVES = {None: 0, "silu": 1, "hardswish": 2, "sigmoid": 3}


class NativeUnavailable(Exception):  # noqa: N818  a state of the machine, no failure
    """There are no native kernels here; the message says why."""


class _Epilogue(ctypes.Structure):
    _fields_ = [
        ("scale", c_void_p),
        ("bias", c_void_p),
        ("slope1", c_void_p),
        ("curve", c_int32),
        ("round_step", c_float),
        ("round_low", c_float),
        ("round_high", c_float),
        ("add_map", c_void_p),
        ("add_codes", c_void_p),
        ("add_step", c_float),
        ("add_pitch", c_int32),
        ("gate", c_int32),
        ("slope2", c_void_p),
        ("shuffle", c_int32),
        ("sums", c_void_p),
        ("squares", c_void_p),
        ("codes", c_void_p),
        ("codes_pitch", c_int32),
        ("codes_step", c_float),
        ("codes_low", c_float),
        ("codes_high", c_float),
    ]


def _function(*arguments: Any) -> Any:
    return ctypes.CFUNCTYPE(None, *arguments)


_INPUT = (c_void_p, c_int32, c_int32, c_int32)  # of a convolution: numbers and their shape
_RESULT = (c_void_p, POINTER(_Epilogue))
_PACK = _function(c_void_p, c_int32, c_int32, c_void_p)
_PACK_EDGE = _function(c_void_p, c_int32, c_int32, c_int32, c_int32, c_void_p)
_CONVOLVE = _function(*_INPUT, c_void_p, c_int32, *_RESULT)
_CONVOLVE_EDGE = _function(*_INPUT, c_void_p, c_int32, c_int32, c_int32, *_RESULT)


class _Kernels(ctypes.Structure):
    _fields_ = [
        ("lanes", c_int32),
        (
            "encode",
            _function(
                c_void_p, c_int64, c_int64, c_int32, c_float, c_float, c_float, c_void_p, c_int32
            ),
        ),
        ("sums", _function(c_void_p, c_int64, c_int32, c_void_p, c_void_p)),
        ("pack_winograd", _PACK),
        ("pack_winograd_float", _PACK),
        ("pack_direct", _PACK_EDGE),
        ("pack_float", _PACK_EDGE),
        ("pack_image", _function(c_void_p, *[c_int32] * 3, c_void_p)),
        ("winograd", _CONVOLVE),
        ("winograd_float", _CONVOLVE),
        ("direct", _CONVOLVE_EDGE),
        ("direct_float", _CONVOLVE_EDGE),
        ("image_float", _function(*_INPUT, c_void_p, c_int32, c_int32, *_RESULT)),
        ("pack_matrix", _function(c_void_p, *[c_int32] * 5, c_void_p)),
        ("matrix", _function(*_INPUT, c_void_p, *[c_int32] * 4, *_RESULT)),
    ]


@dataclass(frozen=True, slots=True)
class Packed:
    """Weights in the order in which a kernel reads them."""

    numbers: NDArray[Any]
    kernel: Literal["matrix", "winograd", "direct", "image"]
    shape: tuple[int, ...]  # what the kernel asks for: outputs, layout
    order: NDArray[np.intp] | None  # of the outputs, if the kernel writes them shuffled

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
        library = _library()
        names = [isa] if isa else list(instruction_sets())
        for name in names:
            if table := library.cadyq_kernels(name.encode()):
                self.name = name
                self._table = table.contents
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
        ordered, order = _ordered(weight, shuffle)
        outputs, inputs, edge, _ = weight.shape
        table, lanes, side = self._table, self._table.lanes, self._side(outputs)
        inputs_padded, outputs_padded = _up(inputs, lanes), _up(outputs, lanes)
        if table.matrix:
            grid = next(i for i, (low, high) in enumerate(_GRIDS) if _within(codes, low, high))
            pixel = inputs_padded * (2 if _GRIDS[grid] == WIDEST else 1)
            depth = _up((edge + side - 1) * pixel, _TILE_DEPTH)
            numbers = _aligned(edge * depth * _up(side * outputs, _TILE_SIDE), np.int8)
            table.pack_matrix(_at(ordered), inputs, outputs, edge, side, grid, _at(numbers))
            return Packed(numbers, "matrix", (outputs, edge, side, grid), order)
        largest = int(np.abs(weight.astype(np.int64)).sum(axis=(1, 2, 3)).max()) * WIDEST[1]
        if edge == 3 and largest < _WINOGRAD_LIMIT:
            numbers = _aligned(_POINTS * inputs_padded * outputs_padded, np.int16)
            table.pack_winograd(_at(ordered), inputs, outputs, _at(numbers))
            return Packed(numbers, "winograd", (outputs,), order)
        numbers = _aligned(edge * (edge + side - 1) * inputs_padded * outputs_padded, np.int16)
        table.pack_direct(_at(ordered), inputs, outputs, edge, side, _at(numbers))
        return Packed(numbers, "direct", (outputs, edge, side), order)

    def pack_float(self, weight: NDArray[np.float32], *, shuffle: int = 1) -> Packed:
        ordered, order = _ordered(weight, shuffle)
        outputs, inputs, edge, _ = weight.shape
        table, lanes, side = self._table, self._table.lanes, self._side(outputs)
        if edge == 3 and inputs >= lanes:
            numbers = _aligned(_POINTS * _up(inputs, lanes) * _up(outputs, lanes), np.float32)
            table.pack_winograd_float(_at(ordered), inputs, outputs, _at(numbers))
            return Packed(numbers, "winograd", (outputs,), order)
        if inputs <= IMAGE:
            numbers = _aligned(edge**2 * inputs * _up(outputs, lanes), np.float64)
            table.pack_image(_at(ordered), inputs, outputs, edge, _at(numbers))
            return Packed(numbers, "image", (outputs, edge), order)
        numbers = _aligned(edge * (edge + side - 1) * inputs * _up(outputs, lanes), np.float32)
        table.pack_float(_at(ordered), inputs, outputs, edge, side, _at(numbers))
        return Packed(numbers, "direct", (outputs, edge, side), order)

    def _side(self, outputs: int) -> int:
        """Pixels whose outputs fill a vector."""
        return next((side for side in (4, 2) if side * outputs <= self._table.lanes), 1)

    def encode(
        self, source: Map, step: float, low: int, high: int, out: Codes, channel: int
    ) -> None:
        height, width, channels = source.shape
        pitch = out.shape[2]
        start = _at(out) + 2 * channel
        self._table.encode(_at(source), height, width, channels, step, low, high, start, pitch)

    def sums(self, source: Map) -> Sums:
        height, width, channels = source.shape
        totals, squares = np.empty(channels), np.empty(channels)
        self._table.sums(_at(source), height * width, channels, _at(totals), _at(squares))
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
        source = (_at(codes), height, width, codes.shape[2])
        return _run(getattr(self._table, packed.kernel), source, packed, out, epilogue)

    def convolve_float(
        self, source: Map, packed: Packed, out: Map | None, epilogue: Epilogue
    ) -> Sums | None:
        kernel = getattr(self._table, f"{packed.kernel}_float")
        return _run(kernel, (_at(source), *source.shape), packed, out, epilogue)


def _run(
    kernel: Any, source: tuple[int, ...], packed: Packed, out: Map | None, epilogue: Epilogue
) -> Sums | None:
    prepared = _Prepared(epilogue, packed)
    result = None if out is None else _at(out)
    kernel(*source, _at(packed.numbers), *packed.shape, result, prepared.structure)
    return prepared.sums()


class _Prepared:
    """An epilogue as C reads it, and the arrays that it points to."""

    def __init__(self, epilogue: Epilogue, packed: Packed) -> None:
        self._shuffle = epilogue.shuffle
        self._kept: list[NDArray[Any]] = []
        structure = _Epilogue(
            curve=_CURVES[epilogue.curve], gate=epilogue.gate, shuffle=epilogue.shuffle
        )
        for name in ("scale", "bias", "slope1", "slope2"):
            values = getattr(epilogue, name)
            if values is not None:
                values = values if packed.order is None else values[packed.order]
                values = np.ascontiguousarray(values, np.float32)
                setattr(structure, name, self._keep(values))
        if epilogue.round is not None:
            structure.round_step, structure.round_low, structure.round_high = epilogue.round
        if epilogue.add_map is not None:
            structure.add_map = self._keep(epilogue.add_map)
        if epilogue.add_codes is not None:
            codes, structure.add_step = epilogue.add_codes
            structure.add_codes, structure.add_pitch = self._keep(codes), codes.shape[2]
        if epilogue.codes is not None:
            to = epilogue.codes
            structure.codes = self._keep(to.array) + to.array.itemsize * to.channel
            structure.codes_pitch = to.array.shape[2]
            structure.codes_step = to.step
            structure.codes_low, structure.codes_high = to.low, to.high
        self._totals: NDArray[np.float64] | None = None
        if epilogue.statistics:
            self._totals = np.empty((2, packed.outputs))
            structure.sums, structure.squares = map(self._keep, self._totals)
        self.structure = ctypes.byref(structure)

    def _keep(self, array: NDArray[Any]) -> int:
        self._kept.append(array)
        return _at(array)

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
    for edge in (1, 3):
        taps = weight[:, :, 1:2, 1:2] if edge == 1 else weight
        kernels.convolve(codes, height, width, kernels.pack(taps), out, plain)
        start = PAD - edge // 2
        reach = codes[start : start + height + edge - 1, start : start + width + edge - 1, :inputs]
        windows = sliding_window_view(reach.astype(np.int64), (edge, edge), axis=(0, 1))
        if (out != np.einsum("hwiyx,oiyx->hwo", windows, taps.astype(np.int64))).any():
            raise NativeUnavailable(f"the {kernels.name} kernels compute wrongly here")


def instruction_sets() -> Iterator[str]:
    """The names of those that the library has kernels for, the best first.

    Raises:
        NativeUnavailable: there is no library.
    """
    library = _library()
    if chosen := os.environ.get(ISA_VARIABLE):
        yield chosen
        return
    index = 0
    while name := library.cadyq_name(index):
        yield name.decode()
        index += 1


@cache
def _library() -> Any:
    if os.environ.get(ISA_VARIABLE) == "none":
        raise NativeUnavailable(f"{ISA_VARIABLE}=none hides the native kernels")
    folder = Path(__file__).parent
    files = [file for file in folder.glob("cadyq_kernels*") if file.suffix in SUFFIXES]
    if not files:
        raise NativeUnavailable("the native kernels were not compiled at installation")
    try:
        library = ctypes.CDLL(str(files[0]))
    except OSError as error:
        raise NativeUnavailable(f"the native kernels cannot be loaded: {error}") from error
    layout = sizeof(_Epilogue) << 16 | sizeof(_Kernels)
    if not hasattr(library, "cadyq_layout") or library.cadyq_layout() != layout:
        raise NativeUnavailable("the native kernels are of another version; install cadyq again")
    library.cadyq_name.argtypes, library.cadyq_name.restype = [c_int], c_char_p
    library.cadyq_kernels.argtypes = [c_char_p]
    library.cadyq_kernels.restype = POINTER(_Kernels)
    return library


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


def _at(array: NDArray[Any]) -> int:
    if not array.flags.c_contiguous:
        raise ValueError("the kernels read arrays without gaps")
    return array.ctypes.data


def _ordered(weight: NDArray[Any], shuffle: int) -> tuple[NDArray[Any], NDArray[np.intp] | None]:
    """Weights in the order in which outputs are written, and where each output comes from.

    With a pixel shuffle all channels of a pixel stand together.
    """
    if shuffle == 1:
        return np.ascontiguousarray(weight), None
    order: NDArray[np.intp] = np.arange(len(weight)).reshape(-1, shuffle**2).T.ravel()
    return np.ascontiguousarray(weight[order]), order
