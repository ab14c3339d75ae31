"""What lies in a weights file, read without torch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from cadyq_cli.checkpoint.card import Card
from cadyq_cli.errors import CheckpointError

METADATA_KEY = "cadyq"  # of the card
STEP_SUFFIX = ".step"  # behind the name of a tensor of codes: what one code is worth


def is_ours(path: Path) -> bool:
    """Whether a file is one of the project's weights files, whatever its state beyond the head."""
    try:
        with safe_open(path, framework="np") as file:
            return METADATA_KEY in (file.metadata() or {})
    except (SafetensorError, OSError):
        return False


def read(path: Path) -> tuple[Card, dict[str, NDArray[Any]]]:
    """The card and the stored arrays of a weights file, as they are.

    Raises:
        CheckpointError: see `load`.
    """
    with _opened(path) as (card, file):
        return card, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


def read_card(path: Path) -> Card:
    """The card alone.

    Raises:
        CheckpointError: see `load`, but tensors are not looked at.
    """
    with _opened(path) as (card, _):
        return card


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Card, Any]]:
    if not path.is_file():
        raise CheckpointError(path, "no such weights file")
    try:
        with safe_open(path, framework="np") as file:
            metadata = file.metadata() or {}
            if METADATA_KEY not in metadata:
                hint = "for the authors' checkpoints use load_official"
                raise CheckpointError(path, "is not a weights file of cadyq", hint=hint)
            yield Card.from_json(metadata[METADATA_KEY]), file
    except SafetensorError as error:
        raise CheckpointError(path, f"cannot be read as safetensors: {error}") from error
    except OSError as error:
        raise CheckpointError(path, f"cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise CheckpointError(path, str(error)) from error
