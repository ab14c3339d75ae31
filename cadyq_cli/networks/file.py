"""The project's own weights files: safetensors whose metadata holds the card.

`format` states what a reader may rely on.

A *compact* file, which is what ships, stores each quantized convolution as int8 codes (``NAME``)
with one float32 step (``NAME.step``) and the weights of others in float16, but for a quantized
network's head. It also carries the network's program, so that the engine can run it without torch.
A full file keeps float32 and can be trained further.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import save as serialize
from torch import nn

from cadyq_cli.atomic import write_whole
from cadyq_cli.engine.compile import compile_network
from cadyq_cli.engine.folding import STEP_SUFFIX
from cadyq_cli.errors import CheckpointError, InputError
from cadyq_cli.networks.arrays import coded_arrays, plain_arrays
from cadyq_cli.networks.network import Network, check_fit, check_weights
from cadyq_cli.networks.stored import METADATA_KEY, PROGRAM_KEY, Stored, read
from cadyq_cli.quant.layers import HeadConv


def save(path: Path, network: Network, *, compact: bool = False) -> None:
    """Write a network with its card; the file appears whole or not at all.

    Raises:
        FileError: the file cannot be written.
        UncompilableError: a compact file of a network that has no program.
    """
    metadata = {METADATA_KEY: network.card.to_json()}
    if compact:
        arrays = _compact(network.backbone)
        metadata[PROGRAM_KEY] = compile_network(
            network.backbone, scale=network.card.scale
        ).to_json()
    else:
        arrays = plain_arrays(network.backbone)
    arrays = {k: np.ascontiguousarray(v) for k, v in arrays.items()}
    write_whole(path, _reproducible(serialize(arrays, metadata=metadata)))


def load(path: Path | str, *, device: torch.device | str = "cpu") -> Network:
    """Rebuild a network from one of the project's weights files, ready for inference.

    Raises:
        CheckpointError: the file is missing, damaged, foreign, of a newer format, or lacks or
            exceeds what its card promises.
    """
    path = Path(path)
    try:
        return rebuilt(read(path)).to(device)
    except ValueError as error:
        raise CheckpointError(path, str(error)) from error


def rebuilt(stored: Stored) -> Network:
    """A network from what its file holds, ready for inference.

    Raises:
        ValueError: the card promises something else.
    """
    shapes = {k: v.shape for k, v in stored.arrays.items() if not k.endswith(STEP_SUFFIX)}
    try:
        check_fit(stored.card, shapes)
        network = Network(stored.card)
    except InputError as error:
        raise ValueError(str(error)) from error
    except ValueError as error:
        raise ValueError(f"does not fit its card: {error}") from error
    state = {k: torch.from_numpy(v) for k, v in _expand(stored.arrays).items()}
    network.backbone.load_state_dict(state)
    check_weights(network)
    return network.eval()


def _compact(backbone: nn.Module) -> dict[str, NDArray[Any]]:
    """Codes for what is rounded, float16 for other convolutions but a quantized network's head.

    All widths depend on the head, and it is small.
    """
    kept = {f"{name}.weight" for name, m in backbone.named_modules() if isinstance(m, HeadConv)}
    return {
        name: array.astype(np.float16)
        if array.ndim == 4
        and array.dtype == np.float32
        and not name.endswith(STEP_SUFFIX)
        and name not in kept
        else array
        for name, array in coded_arrays(backbone).items()
    }


def _reproducible(content: bytes) -> bytes:
    """The same file with its metadata in order, which safetensors writes in any."""
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    ordered = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    ordered += b" " * (-len(ordered) % 8)  # tensors begin at a multiple of 8 bytes
    return len(ordered).to_bytes(8, "little") + ordered + content[8 + size :]


def _expand(arrays: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Float32 weights from stored ones; a compact file's codes times their steps."""
    result: dict[str, NDArray[Any]] = {}
    for name, array in arrays.items():
        if name + STEP_SUFFIX in arrays:
            result[name] = array.astype(np.float32) * arrays[name + STEP_SUFFIX]
        elif not name.endswith(STEP_SUFFIX):
            result[name] = array.astype(np.float32) if array.dtype == np.float16 else array
    return result
