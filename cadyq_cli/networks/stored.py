"""What lies in a weights file, read without torch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from cadyq_cli.downloads import stray_file
from cadyq_cli.engine.folding import STEP_SUFFIX
from cadyq_cli.engine.program import Program
from cadyq_cli.errors import CheckpointError
from cadyq_cli.needing_torch import require_torch
from cadyq_cli.networks.card import Card
from cadyq_cli.networks.format import MAX_TENSORS, check_extent, check_tensor
from cadyq_cli.networks.forms import files_of, form_of
from cadyq_cli.networks.untold import USUAL, Untold

METADATA_KEY = "cadyq"  # of the card
PROGRAM_KEY = "cadyq.program"
_KEPT = 8  # networks of others that are not read again
_FOREIGN = "the authors' checkpoints take `cadyq eval --official` or `load_official`"


class ForeignError(CheckpointError):
    """A file that is none of the project's, and may be another's."""


class _UnreadableError(ForeignError):
    """One that is not even in a form that others write."""


class Stored(NamedTuple):
    """What a weights file holds."""

    card: Card
    arrays: dict[str, NDArray[Any]]  # as they are stored: codes as int8, with their steps
    program: Program | None  # what it takes to run the network without torch


def is_ours(path: Path) -> bool:
    """Whether a file is one of the project's weights files, whatever its state beyond the head."""
    try:
        check_extent(path)
        with safe_open(path, framework="np") as file:
            return METADATA_KEY in (file.metadata() or {})
    except (SafetensorError, OSError, ValueError):
        return False


def read(path: Path, untold: Untold = USUAL) -> Stored:
    """All that lies in a weights file, ours or one that `community` knows.

    Args:
        path: Of the file; of ncnn's two, either.
        untold: What it does not tell.

    Raises:
        CheckpointError: see `load`; or its program cannot be understood.
        MissingTorchError: it is another program's, which takes PyTorch.
    """
    try:
        return _read_ours(path)
    except ForeignError as error:
        return _read_foreign(path, untold, error)


def read_card(path: Path, untold: Untold = USUAL) -> Card:
    """The card alone.

    Raises:
        CheckpointError, MissingTorchError: see `read`, but our tensors are not looked at.
    """
    try:
        with _opened(path) as (card, _):
            return card
    except ForeignError as error:
        return _read_foreign(path, untold, error).card


def _read_ours(path: Path) -> Stored:
    with _opened(path) as (card, file):
        names = file.keys()
        if len(names) > MAX_TENSORS:
            raise ValueError(f"has {len(names)} tensors, more than {MAX_TENSORS}")
        for name in names:
            part = file.get_slice(name)
            check_tensor(name, part.get_dtype(), part.get_shape())
        arrays = {name: file.get_tensor(name) for name in names}
        _check_steps(arrays)
        text = file.metadata().get(PROGRAM_KEY)
        return Stored(card, arrays, None if text is None else Program.from_json(text))


def _read_foreign(path: Path, untold: Untold, error: ForeignError) -> Stored:
    """What another program's file holds, if it is known what that is."""
    if isinstance(error, _UnreadableError):
        raise error
    require_torch(f"{path}: a network that another program saved")
    from cadyq_cli.networks.community.detecting import UnknownNetworkError

    try:
        versions = [(file, file.stat().st_mtime_ns) for file in files_of(path)]
        return _recognized(path, untold, tuple(versions))
    except UnknownNetworkError as unknown:
        raise ForeignError(path, str(unknown), hint=_FOREIGN) from unknown
    except ValueError as mismatch:
        raise CheckpointError(path, str(mismatch)) from mismatch
    except OSError as reason:
        raise CheckpointError(path, f"cannot be read: {reason.strerror or reason}") from reason


@lru_cache(_KEPT)
def _recognized(path: Path, untold: Untold, _: tuple[tuple[Path, int], ...]) -> Stored:
    """The same; a command asks for the card, for the network and for its cost."""
    from cadyq_cli.networks.community.detecting import recognized

    return Stored(*recognized(path, untold), program=None)


def _check_steps(arrays: dict[str, NDArray[Any]]) -> None:
    """Refuse codes that nothing says the worth of, and steps of no codes."""
    codes = {name for name, array in arrays.items() if array.dtype == np.int8}
    steps = {name.removesuffix(STEP_SUFFIX) for name in arrays if name.endswith(STEP_SUFFIX)}
    if missing := codes - steps:
        raise ValueError(f"lacks {min(missing)}{STEP_SUFFIX}")
    if unused := steps - codes:
        raise ValueError(f"has {min(unused)}{STEP_SUFFIX}, but no codes {min(unused)}")
    for name in codes:
        step = arrays[name + STEP_SUFFIX]
        if step.dtype != np.float32 or not _spreads(step.shape, arrays[name].shape):
            raise ValueError(f"{name}{STEP_SUFFIX} does not fit the codes {name}")


def _spreads(step: tuple[int, ...], codes: tuple[int, ...]) -> bool:
    """Whether a step is one number, or has the codes' axes, each as long as theirs or 1."""
    if step in ((), (1,)):
        return True
    return len(step) == len(codes) and all(n in (1, m) for n, m in zip(step, codes, strict=True))


def refuse_stray(path: Path) -> None:
    """Raise if a download brought something else than weights.

    Raises:
        CheckpointError: it did, or the file cannot be read.
    """
    try:
        found = stray_file(path)
    except OSError as error:
        raise CheckpointError(path, f"cannot be read: {error.strerror or error}") from error
    if found:
        raise CheckpointError(path, f"is {found.what}, not a weights file", hint=found.hint)


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Card, Any]]:
    if not path.is_file():
        raise CheckpointError(path, "no such weights file")
    try:
        check_extent(path)
        with safe_open(path, framework="np") as file:
            metadata = file.metadata() or {}
            if METADATA_KEY not in metadata:
                raise ForeignError(path, "is not a weights file of cadyq", hint=_FOREIGN)
            yield Card.from_json(metadata[METADATA_KEY]), file
    except SafetensorError as error:
        refuse_stray(path)
        form = form_of(path)
        if form is not None:
            what = "a PyTorch checkpoint" if form == "pickle" else "a network of ncnn"
            raise ForeignError(path, f"is {what}", hint=_FOREIGN) from error
        raise _UnreadableError(path, "is no weights file, or is damaged") from error
    except OSError as error:
        raise CheckpointError(path, f"cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise CheckpointError(path, str(error)) from error
