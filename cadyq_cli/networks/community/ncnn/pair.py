"""A network's two files, ``NAME.param`` and ``NAME.bin``, as a state dict of another program."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from cadyq_cli.networks.community.ncnn.computing import Computation, computed
from cadyq_cli.networks.community.ncnn.graph import MAX_BYTES, parse
from cadyq_cli.networks.community.ncnn.numbers import Numbers
from cadyq_cli.networks.community.ncnn.topologies import CONSTANT, input_range, names_of
from cadyq_cli.networks.community.span import MEAN
from cadyq_cli.networks.format import MAX_FILE


def state_dict_of(path: Path) -> dict[str, Tensor]:
    """The tensors of a network, by the names that SPAN and Compact have in PyTorch.

    Args:
        path: Of either file.

    Raises:
        OSError: as the system says.
        ValueError: one is missing, or they do not hold such a network.
    """
    text_file, numbers_file = path.with_suffix(".param"), path.with_suffix(".bin")
    for file, most in ((text_file, MAX_BYTES), (numbers_file, MAX_FILE)):
        if not file.is_file():
            raise ValueError(f"is one of ncnn's two files, and {file.name} is not beside it")
        if file.stat().st_size > most:
            raise ValueError(f"{file.name} has more than {most} bytes")
    try:
        text = text_file.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError("its .param is no text") from error
    graph = computed(parse(text))
    names = names_of(graph)
    if names is None:
        raise ValueError(_unknown(graph))
    numbers = Numbers(numbers_file.read_bytes())
    state = {
        f"{name}.{kind}": torch.from_numpy(np.array(values, np.float32))
        for name, layer in zip(names, graph.weighted, strict=True)
        for kind, values in numbers.of(layer).items()
    }
    numbers.check_end()
    return state if "conv_1.weight" not in state else _in_levels(state, input_range(graph))


def _in_levels(state: dict[str, Tensor], white: float) -> dict[str, Tensor]:
    """A SPAN's, which reads levels of 0..255 instead of another range."""
    mean = state.pop(f"{CONSTANT}.weight", torch.zeros(3))
    return state | {"conv_1.weight": state["conv_1.weight"] * (white / 255), MEAN: mean}


def _unknown(graph: Computation) -> str:
    """Why a graph is none of those that are known."""
    if graph.strange is not None and graph.strange is graph.layers[-1]:
        return (
            f"ends with {graph.strange}, which belongs to neither compact nor span; if that"
            " resizes what the network has made, take the network without it, and `scale`"
        )
    told = ", ".join(map(str, graph.layers[:4]))
    if graph.strange is not None:
        return f"is not recognized as compact or span: {graph.strange} belongs to neither"
    return f"is not recognized as compact or span; its first layers are {told}"
