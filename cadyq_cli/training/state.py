"""What a stage of training resumes from."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save as serialize
from torch import Tensor

from cadyq_cli.atomic import write_whole
from cadyq_cli.errors import CheckpointError


@dataclass(frozen=True, kw_only=True)
class State:
    """A stage after some steps.

    `tensors` holds the network (``network/NAME``), its moving average (``average/NAME``) and the
    optimisers' moments (``moment/PARAMETER/NAME``).
    """

    step: int
    bit_price: float
    recent: float  # mean loss of late
    lowest: float  # the lowest that it was
    scaler: dict[str, Any]  # of the gradients of float16; else empty
    tensors: dict[str, Tensor]

    def part(self, prefix: str) -> dict[str, Tensor]:
        """The tensors under a prefix, without it."""
        return {
            name.removeprefix(f"{prefix}/"): tensor
            for name, tensor in self.tensors.items()
            if name.startswith(f"{prefix}/")
        }

    def save(self, path: Path) -> None:
        """Write the state; a reader sees the old one or the new one, never a part."""
        head = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "tensors"}
        tensors = {name: tensor.detach().contiguous() for name, tensor in self.tensors.items()}
        write_whole(path, serialize(tensors, metadata={"state": json.dumps(head)}))

    @classmethod
    def load(cls, path: Path) -> State:
        """Read a state back.

        Raises:
            CheckpointError: the file is damaged or no training state.
        """
        with _opened(path) as (head, file):
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        return cls(tensors=tensors, **head)


def steps_of(path: Path) -> int:
    """The steps that a state was saved after; its tensors are not read.

    Raises:
        CheckpointError: the file is damaged or no training state.
    """
    with _opened(path) as (head, _):
        return int(head["step"])


@contextmanager
def _opened(path: Path) -> Iterator[tuple[dict[str, Any], Any]]:
    """All but the tensors of a state, and the file that holds those."""
    try:
        with safe_open(path, framework="pt") as file:
            head = json.loads((file.metadata() or {})["state"])
            if head.keys() != {f.name for f in fields(State)} - {"tensors"}:
                raise CheckpointError(path, "is of another version of cadyq")
            yield head, file
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise CheckpointError(path, "is damaged or no training state") from error
