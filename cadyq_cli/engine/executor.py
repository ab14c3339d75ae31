"""Runs programs, without torch."""

from __future__ import annotations

import threading
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cadyq_cli.engine.buffers import Plan
from cadyq_cli.engine.checking import checked, measured_maps
from cadyq_cli.engine.finite import check_finite
from cadyq_cli.engine.folding import Arrays
from cadyq_cli.engine.kernels import Kernels
from cadyq_cli.engine.operations import OPERATIONS, Context, Operation, PatchState
from cadyq_cli.engine.program import Program
from cadyq_cli.engine.reach import reach_of
from cadyq_cli.engine.runner import DifferenceFit, Map, Result
from cadyq_cli.engine.selector_inputs import image_gradient
from cadyq_cli.quant.prices import Dial


class Memory(NamedTuple):
    """Arrays for all values of a patch."""

    size: tuple[int, int]  # of the patch, height and width
    arrays: dict[str, NDArray[Any]]


class Executable:
    """A program with its weights, ready to enlarge patches. Threads may share it."""

    def __init__(
        self,
        program: Program,
        arrays: Arrays,
        kernels: Kernels,
        *,
        threads: int = 1,
        name: str = "the network",
        difference_fit: DifferenceFit | None = None,
        dial: Dial | None = None,
    ) -> None:
        """Pack the weights.

        Args:
            program: As `compile.compile_network` makes it.
            arrays: The tensors that it names; weights that meet codes are codes too, ``NAME`` with
                ``NAME.step``, as compact weights files hold them.
            kernels: What computes.
            threads: How many will share it at a time, in the opinion of whoever makes it.
            name: What to call it in an error, such as its file's.
            difference_fit, dial: See `Runner`.

        Raises:
            ValueError: a rule of `engine.rules` does not hold.
        """
        self.program, self.kernels, self.threads = program, kernels, threads
        self.name, self.difference_fit = name, difference_fit
        self.dial, self.price = dial, 0.0
        self.exact_bits: float | None = None
        shapes = checked(program, arrays)
        context = Context(arrays, kernels, shapes, measured_maps(program))
        with np.errstate(all="ignore"):  # `folding` looks at the result
            self._operations: list[Operation] = [
                OPERATIONS[type(each)](each, context) for each in program.instructions
            ]
        self.reach = reach_of(program, arrays)
        inner = shapes.keys() - {program.source, program.out}
        self._plan = Plan(program, {name: shapes[name] for name in inner})
        self._spare: list[Memory] = []  # of patches that have been enlarged
        self._lock = threading.Lock()

    @property
    def scale(self) -> int:
        """How many times as large a patch becomes."""
        return self.program.scale

    @property
    def candidates(self) -> dict[str, tuple[int, ...]]:
        """The widths that each counted site may have, by its name; empty for a float network."""
        return self.program.candidates

    def run(self, patch: Map) -> Result:
        """Enlarge one patch.

        Args:
            patch: RGB, shape (H, W, 3), float32, range 0..1.

        Raises:
            CheckpointError: what it computes is not finite.
        """
        height, width, _ = patch.shape
        patch = np.ascontiguousarray(patch, np.float32)
        pixels = np.empty((height * self.scale, width * self.scale, 3), np.float32)
        ends = {self.program.source: patch, self.program.out: pixels}
        memory = self._take(height, width)
        gradient = image_gradient(patch)
        state = PatchState(height, width, gradient, memory.arrays | ends, price=self.price)
        with np.errstate(all="ignore"):
            for operation in self._operations:
                operation(state)
        with self._lock:
            self._spare.append(memory)
        check_finite(pixels, *state.strengths, name=self.name)
        return Result(pixels, state.gradient, state.choices)

    def _take(self, height: int, width: int) -> Memory:
        """Memory of an earlier patch of the same size, or else new."""
        with self._lock:
            self._spare = [spare for spare in self._spare if spare.size == (height, width)]
            if self._spare:
                return self._spare.pop()
        arrays = self._plan.memory(height, width, self.kernels)
        return Memory((height, width), arrays)
