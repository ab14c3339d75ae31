"""The project's own weights files: safetensors whose metadata holds the card.

A *compact* file, which is what ships, stores each quantized convolution as int8 codes (``NAME``)
with one float32 step (``NAME.step``) and the weights of other convolutions in float16. A full file
keeps float32 and can be trained further.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as serialize
from torch import nn

from cadyq_cli.checkpoint.card import Card
from cadyq_cli.checkpoint.network import Network
from cadyq_cli.errors import CheckpointError, InputError
from cadyq_cli.imaging.atomic import replacing
from cadyq_cli.quant.layers import QuantConv, weight_codes

METADATA_KEY = "cadyq"
STEP_SUFFIX = ".step"


def save(path: Path, network: Network, *, compact: bool = False) -> None:
    """Write a network with its card; the file appears whole or not at all.

    Raises:
        CheckpointError: the file cannot be written.
    """
    arrays = {k: v.detach().cpu().numpy() for k, v in network.backbone.state_dict().items()}
    if compact:
        arrays = _compact(network.backbone, arrays)
    arrays = {k: np.ascontiguousarray(v) for k, v in arrays.items()}
    write_whole(path, serialize(arrays, metadata={METADATA_KEY: network.card.to_json()}))


def load(path: Path | str, *, device: torch.device | str = "cpu") -> Network:
    """Rebuild a network from one of the project's weights files, ready for inference.

    Raises:
        CheckpointError: the file is missing, damaged, foreign, of a newer format, or lacks or
            exceeds what its card promises.
    """
    path = Path(path)
    card, arrays = read(path)
    try:
        network = Network(card)
    except InputError as error:
        raise CheckpointError(path, str(error)) from error
    state = {k: torch.from_numpy(v) for k, v in _expand(arrays).items()}
    try:
        network.backbone.load_state_dict(state)
    except RuntimeError as error:
        reason = " ".join(str(error).split())
        raise CheckpointError(path, f"does not fit its card: {reason:.300}") from error
    return network.eval().to(device)


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
    if not path.is_file():
        raise CheckpointError(path, "no such weights file")
    try:
        with safe_open(path, framework="np") as file:
            metadata = file.metadata() or {}
            if METADATA_KEY not in metadata:
                hint = "for the authors' checkpoints use load_official"
                raise CheckpointError(path, "is not a weights file of cadyq", hint=hint)
            card = Card.from_json(metadata[METADATA_KEY])
            return card, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise CheckpointError(path, f"cannot be read as safetensors: {error}") from error
    except OSError as error:
        raise CheckpointError(path, f"cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise CheckpointError(path, str(error)) from error


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that a reader sees the old content or the new, never a part.

    Raises:
        CheckpointError: the file cannot be written; nothing is left behind.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise CheckpointError(path, f"cannot be written: {error.strerror or error}") from error


def _compact(backbone: nn.Module, arrays: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    quantized = {
        f"{name}.conv.weight": module.conv.weight
        for name, module in backbone.named_modules()
        if isinstance(module, QuantConv)
    }
    result: dict[str, NDArray[Any]] = {}
    for name, array in arrays.items():
        if name in quantized:
            codes, step = weight_codes(quantized[name])
            result[name] = codes.cpu().numpy().astype(np.int8)
            result[name + STEP_SUFFIX] = step.cpu().numpy().astype(np.float32)
        else:
            result[name] = array.astype(np.float16) if array.ndim == 4 else array
    return result


def _expand(arrays: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Float32 weights from stored ones; a compact file's codes times their steps."""
    result: dict[str, NDArray[Any]] = {}
    for name, array in arrays.items():
        if name + STEP_SUFFIX in arrays:
            result[name] = array.astype(np.float32) * arrays[name + STEP_SUFFIX]
        elif not name.endswith(STEP_SUFFIX):
            result[name] = array.astype(np.float32) if array.dtype == np.float16 else array
    return result
