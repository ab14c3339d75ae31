"""The networks that a batch may need."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cadyq_cli.engine.runner import Runner


class OnDemand:
    """A network that is opened when it is first called for; threads may share it."""

    def __init__(self, open_network: Callable[[], Runner]) -> None:
        self._open, self._lock = open_network, Lock()
        self._opened: Runner | None = None

    def __call__(self) -> Runner:
        """The network.

        Raises:
            CheckpointError: see `networks.load`.
        """
        with self._lock:
            if self._opened is None:
                self._opened = self._open()
            return self._opened


class Models:
    """Networks by their scale, each opened when it is first needed; threads may share them."""

    def __init__(self, files: Mapping[int, Path], open_file: Callable[[Path], Runner]) -> None:
        self._files = files
        self._networks = {
            scale: OnDemand(partial(open_file, file)) for scale, file in files.items()
        }

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
            CheckpointError: see `networks.load`.
        """
        return self._networks[scale]()
