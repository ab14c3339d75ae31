"""Which values share memory: one buffer serves all that are never needed at the same time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from cadyq_cli.engine.kernels import WIDEST, Codes, Kernels
from cadyq_cli.engine.program import Program
from cadyq_cli.engine.runner import Map

_LINE = 64  # bytes
_LANES = 16  # that channels of codes are rounded up to, at most


@dataclass(frozen=True, slots=True)
class Shape:
    """What a value looks like for any patch."""

    channels: int
    factor: int = 1  # times as large as the patch
    codes: bool = False
    range: tuple[int, int] = field(default=WIDEST, compare=False)  # of codes

    @property
    def size(self) -> int:
        """Numbers for each pixel of the patch."""
        return self.channels * self.factor**2


class Plan:
    """Assigns values to buffers, in the order in which a program makes them.

    Codes share buffers with codes of their shape only, as the zeros around them have to stay.
    """

    def __init__(self, program: Program, shapes: Mapping[str, Shape]) -> None:
        """`shapes` of all values that need memory; others are left out."""
        self._shapes = shapes
        self._buffers: dict[str, int] = {}  # by value
        self._sizes: list[int] = []  # of each buffer, as the size of a shape; 0 for codes
        self._free: defaultdict[Shape | None, list[int]] = defaultdict(list)
        last = {value: i for i, each in enumerate(program.instructions) for value in each.reads}
        for i, instruction in enumerate(program.instructions):
            if instruction.out in shapes:
                self._buffers[instruction.out] = self._taken(shapes[instruction.out])
            for value in {instruction.out, *instruction.reads} & self._buffers.keys():
                if last.get(value, i) <= i:
                    self._free[_kind(shapes[value])].append(self._buffers[value])

    def _taken(self, shape: Shape) -> int:
        """A free buffer, the smallest that is large enough or else the largest, or a new one."""
        free = self._free[_kind(shape)]
        size = 0 if shape.codes else shape.size
        if not free:
            self._sizes.append(size)
            return len(self._sizes) - 1
        fitting = [buffer for buffer in free if self._sizes[buffer] >= size]
        chosen = (
            min(fitting, key=lambda buffer: self._sizes[buffer])
            if fitting
            else max(free, key=lambda buffer: self._sizes[buffer])
        )
        self._sizes[chosen] = max(self._sizes[chosen], size)
        free.remove(chosen)
        return chosen

    @property
    def bytes_of_a_pixel(self) -> int:
        """Memory for each pixel of a patch, but for what stands around codes."""
        codes = {
            buffer: self._shapes[value]
            for value, buffer in self._buffers.items()
            if self._shapes[value].codes
        }
        whole = sum(-(-s.channels // _LANES) * _LANES * s.factor**2 for s in codes.values())
        return 4 * sum(self._sizes) + 2 * whole

    def memory(self, height: int, width: int, kernels: Kernels) -> dict[str, Map | Codes]:
        """Arrays for all values of a patch; many of them are the same memory."""
        flat = [_aligned(size * height * width) for size in self._sizes]
        codes: dict[int, Codes] = {}
        arrays: dict[str, Map | Codes] = {}
        for value, buffer in self._buffers.items():
            shape = self._shapes[value]
            size = height * shape.factor, width * shape.factor, shape.channels
            if shape.codes:
                if buffer not in codes:
                    codes[buffer] = kernels.new_codes(*size)
                arrays[value] = codes[buffer]
            else:
                arrays[value] = flat[buffer][: shape.size * height * width].reshape(size)
        return arrays


def _aligned(count: int) -> Map:
    """Memory for numbers that begins with a cache line."""
    raw = np.empty(4 * count + _LINE, np.uint8)
    start = -raw.ctypes.data % _LINE
    return raw[start : start + 4 * count].view(np.float32)


def _kind(shape: Shape) -> Shape | None:
    return shape if shape.codes else None
