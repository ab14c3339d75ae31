"""SPAN, as its authors' code and others save it.

Each 3x3 convolution was trained as a sum of a 1x1 one (``sk``) and a chain of three (``conv``). The
chain pads its input with zeros before its first convolution, so one 3x3 convolution equals the
sum, at the border, too. A file may also hold that one (``eval_conv``), but of an earlier state.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from cadyq_cli.backbones.parts import DIV2K_MEAN
from cadyq_cli.networks.community.translation import Translation, named_tensors
from cadyq_cli.networks.community.weights import Weights, scale_of
from cadyq_cli.networks.state_dicts import State
from cadyq_cli.networks.untold import Untold

UNCENTRED = "no_norm"  # in a file says that the mean colour stays in the input, which is 0..1
MEAN = "rgb_mean"  # in what `ncnn` reads is the colour that is taken off instead of DIV2K's


def is_span(state: State) -> bool:
    return {"conv_cat.weight", "upsampler.0.weight"} <= state.keys() and any(
        name.startswith("block_1.c1_r.") for name in state
    )


def settings_of(weights: Weights) -> dict[str, Any]:
    """Scale, features, blocks and the colour that is taken off the input.

    Raises:
        ValueError: there are none that fit.
    """
    mean = [0.0] * 3 if UNCENTRED in weights else list(DIV2K_MEAN)
    if MEAN in weights:
        mean = [round(level, 6) for level in weights.take(MEAN, 3).tolist()]
    return {
        "scale": scale_of(weights.outputs("upsampler.0.weight")),
        "features": weights.outputs("conv_cat.weight"),
        "blocks": weights.count(r"block_(\d{1,4})\."),
        "mean": mean,
    }


def translated(weights: Weights, settings: dict[str, Any], _: Untold) -> Translation:
    """The tensors under our names. Ours reads and gives levels of 0..255, with the mean apart.

    Raises:
        ValueError: one is missing or of another shape.
    """
    n, outputs = settings["features"], 3 * settings["scale"] ** 2
    head, head_bias = _folded(weights, "conv_1", 3, n)
    tail, tail_bias = weights.convolution("upsampler.0", outputs, n, 3, 3)
    mean = tail.new_tensor(DIV2K_MEAN).repeat_interleave(outputs // 3)
    convolutions = {
        "head": (head / 255 if UNCENTRED in weights else head, head_bias),
        "join": weights.convolution("conv_cat", n, 4 * n, 1, 1),
        "body_end.conv": _folded(weights, "conv_2", n, n),
        "tail": (tail * 255, (tail_bias - mean) * 255),
    }
    for i in range(settings["blocks"]):
        for part in (1, 2, 3):
            folded = _folded(weights, f"block_{i + 1}.c{part}_r", n, n)
            convolutions[f"blocks.{i}.conv{part}.conv"] = folded
    weights.drop(UNCENTRED)
    return Translation(named_tensors(convolutions))


def _folded(weights: Weights, name: str, inputs: int, outputs: int) -> tuple[Tensor, Tensor]:
    """The one 3x3 convolution that a convolution of the file equals."""
    if f"{name}.sk.weight" not in weights:
        saved = next((n for n in (f"{name}.eval_conv", name) if f"{n}.weight" in weights), None)
        if saved is None:
            raise ValueError(f"it lacks {name}.sk.weight")
        return weights.convolution(saved, outputs, inputs, 3, 3)
    for kind in ("weight", "bias"):
        weights.drop(f"{name}.eval_conv.{kind}")
    widened = weights.outputs(f"{name}.conv.0.weight")
    narrowed = weights.outputs(f"{name}.conv.1.weight")
    entry, entry_bias = weights.convolution(f"{name}.conv.0", widened, inputs, 1, 1)
    inner, inner_bias = weights.convolution(f"{name}.conv.1", narrowed, widened, 3, 3)
    leave, leave_bias = weights.convolution(f"{name}.conv.2", outputs, narrowed, 1, 1)
    skip, skip_bias = weights.convolution(f"{name}.sk", outputs, inputs, 1, 1)
    leave, entry = leave[..., 0, 0], entry[..., 0, 0]
    kernels = torch.einsum("om,mwyx,wi->oiyx", leave, inner, entry)
    kernels[..., 1, 1] += skip[..., 0, 0]
    biases = leave @ (inner.sum((2, 3)) @ entry_bias + inner_bias) + leave_bias + skip_bias
    return kernels, biases
