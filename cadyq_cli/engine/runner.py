"""What enlarges patches, whatever computes: the engine's kernels or torch."""

from __future__ import annotations

from typing import Protocol

from cadyq_cli.engine.executor import Result
from cadyq_cli.engine.kernels import Map


class Runner(Protocol):
    """A network, ready to run: `engine.executor.Executable`, `checkpoint.Network`."""

    @property
    def scale(self) -> int:
        """How many times as large a patch becomes."""

    @property
    def reach(self) -> int:
        """How many pixels away a pixel of the input matters at most; see `engine.reach`."""

    @property
    def candidates(self) -> dict[str, tuple[int, ...]]:
        """The widths that each counted site may have, by its name; empty for a float network."""

    @property
    def threads(self) -> int:
        """How many threads should call `run` at a time."""

    def run(self, patch: Map) -> Result:
        """Enlarge one patch, RGB, shape (H, W, 3), float32, range 0..1."""
