"""What a stage of training resumes from."""

from __future__ import annotations

import json
import math
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
from cadyq_cli.plain_json import parsed

MOST_STEPS = 2**53  # what a double counts exactly

_UNREADABLE = "is damaged or no training state"
_HINT = "without it the stage begins anew, unless it has a result"


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
            head = parsed((file.metadata() or {})["state"])
            if not isinstance(head, dict):
                raise CheckpointError(path, _UNREADABLE, hint=_HINT)
            if head.keys() != {f.name for f in fields(State)} - {"tensors"}:
                raise CheckpointError(path, "is of another version of cadyq")
            _check_numbers(head)
            yield head, file
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise CheckpointError(path, _UNREADABLE, hint=_HINT) from error


def _check_numbers(head: dict[str, Any]) -> None:
    """Raise a `ValueError` for numbers that no stage has."""
    step, scaler = head["step"], head["scaler"]
    if type(step) is not int or not 0 <= step <= MOST_STEPS:
        raise ValueError("step")
    losses = [head[name] for name in ("bit_price", "recent", "lowest")]
    if not all(type(number) in (int, float) and not math.isnan(number) for number in losses):
        raise ValueError("losses")
    if not isinstance(scaler, dict) or not all(
        type(number) in (int, float) and math.isfinite(number) for number in scaler.values()
    ):
        raise ValueError("scaler")
