"""Checkpoints that PyTorch saved, read without running code and without taking more than they hold.

What anybody may have made can claim any size: compressed members, storages and strides of which
the file has nothing. So a zip is not unpacked but mapped into memory, its tensors are asked for in
the plain form that weights have, and all of them together must lie in the file.
"""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import torch
from torch import Tensor, nn

from cadyq_cli.errors import CheckpointError
from cadyq_cli.networks.format import MAX_AXES, MAX_FILE, MAX_TENSORS, check_extent

MAX_NAMES = 4  # of the same weight, as the authors' code has several for some modules
DTYPES = (torch.float32, torch.float16, torch.bfloat16, torch.float64, torch.int64)

_ZIP = b"PK\x03\x04"


def unpickled(path: Path) -> Any:
    """What a checkpoint holds.

    Raises:
        CheckpointError: it is damaged, holds more than data, or is too large.
    """
    try:
        with path.open("rb") as file:
            zipped = file.read(len(_ZIP)) == _ZIP
        check_extent(path) if path.suffix == ".safetensors" else _check_size(path, zipped=zipped)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about old pickle protocols
            return torch.load(path, map_location="cpu", weights_only=True, mmap=zipped)
    except CheckpointError:
        raise
    except pickle.UnpicklingError as error:
        if "weights_only" in str(error).lower() or "unsupported" in str(error).lower():
            reason = "holds more than weights, possibly code, so it was not opened"
        else:
            reason = "is damaged or no checkpoint"
        raise CheckpointError(path, reason) from error
    except Exception as error:
        raise CheckpointError(path, "is truncated, damaged or no checkpoint") from error


def check_plain(state: Mapping[str, Tensor], size: int | None = None) -> None:
    """Refuse tensors in another form than weights have, or with more numbers than are stored.

    Args:
        state: Weights by name.
        size: Bytes of the file that they are from.

    Raises:
        ValueError: there is such a tensor; the message names it.
    """
    if len(state) > MAX_TENSORS:
        raise ValueError(f"it has {len(state)} entries, more than {MAX_TENSORS}")
    for name, value in state.items():
        if reason := _oddity(value):
            raise ValueError(f"{name:.100} {reason}")
    total = sum(value.numel() * value.element_size() for value in state.values())
    if size is not None and total > MAX_NAMES * size:
        raise ValueError(f"its tensors have {total} bytes, and the file {size}")


def _oddity(value: Tensor) -> str | None:
    """What keeps a tensor from being weights."""
    if type(value) not in (Tensor, nn.Parameter) or value.layout is not torch.strided:
        return "is no plain tensor"
    if value.is_meta or value.is_nested or value.is_quantized:
        return "is no plain tensor"
    if value.dtype not in DTYPES:
        return f"is of type {value.dtype}"
    if value.dim() > MAX_AXES or not value.numel():
        return f"has the impossible shape {tuple(value.shape[: MAX_AXES + 1])}"
    if value.numel() * value.element_size() > value.untyped_storage().nbytes():
        return f"claims the shape {tuple(value.shape)}, and fewer numbers are stored"
    return None


def _check_size(path: Path, *, zipped: bool) -> None:
    """Refuse a file that is too large, or would be once it is unpacked."""
    size = path.stat().st_size
    if size > MAX_FILE:
        raise CheckpointError(path, f"has {size} bytes, more than the {MAX_FILE} of any weights")
    if zipped:
        with ZipFile(path) as file:
            unpacked = sum(member.file_size for member in file.infolist())
        if unpacked > size:
            raise CheckpointError(path, "is compressed, which PyTorch's checkpoints are not")
