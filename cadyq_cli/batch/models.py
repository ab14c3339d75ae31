"""The networks that a batch may need."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from threading import Lock

import torch

from cadyq_cli.checkpoint import Network, load


class Models:
    """Networks by their scale, each loaded when it is first needed; threads may share them."""

    def __init__(self, files: Mapping[int, Path], device: torch.device | str = "cpu") -> None:
        self._files, self._device = files, device
        self._loaded: dict[int, Network] = {}
        self._lock = Lock()

    @classmethod
    def of_file(cls, file: Path, device: torch.device | str = "cpu") -> Models:
        """The one network of a weights file.

        Raises:
            CheckpointError: see `checkpoint.load`.
        """
        network = load(file, device=device)
        models = cls({network.card.scale: file}, device)
        models._loaded[network.card.scale] = network
        return models

    @property
    def scales(self) -> tuple[int, ...]:
        """What there is to choose from."""
        return tuple(self._files)

    @property
    def on_cpu(self) -> bool:
        """Whether threads that run the networks share this machine's cores."""
        return torch.device(self._device).type == "cpu"

    def name(self, scale: int) -> str:
        """What to call a network: the name of its file."""
        return self._files[scale].stem

    def network(self, scale: int) -> Network:
        """The network of a scale.

        Raises:
            CheckpointError: see `checkpoint.load`.
        """
        with self._lock:
            if scale not in self._loaded:
                self._loaded[scale] = load(self._files[scale], device=self._device)
            return self._loaded[scale]
