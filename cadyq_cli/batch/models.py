"""The networks that a batch may need."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cadyq_cli.engine.runner import Runner


class Models:
    """Networks by their scale, each opened when it is first needed; threads may share them."""

    def __init__(self, files: Mapping[int, Path], open_file: Callable[[Path], Runner]) -> None:
        self._files, self._open_file = files, open_file
        self._opened: dict[int, Runner] = {}
        self._lock = Lock()

    @property
    def scales(self) -> tuple[int, ...]:
        """What there is to choose from."""
        return tuple(self._files)

    def name(self, scale: int) -> str:
        """What to call a network: the name of its file."""
        return self._files[scale].stem

    def network(self, scale: int) -> Runner:
        """The network of a scale.

        Raises:
            CheckpointError: see `checkpoint.load`.
        """
        with self._lock:
            if scale not in self._opened:
                self._opened[scale] = self._open_file(self._files[scale])
            return self._opened[scale]
