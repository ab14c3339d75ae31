"""EDSR, as BasicSR and EDSR-PyTorch save it.

Both scale the input from 0..1 to a range of their own and take the mean colour of DIV2K off it, and
multiply what a block adds by a residual scale. BasicSR's files tell neither number; those of
EDSR-PyTorch may hold the mean in that range.
"""

from __future__ import annotations

from math import isclose, prod
from typing import Any, NamedTuple

import torch
from torch import Tensor

from cadyq_cli.backbones.parts import DIV2K_MEAN, upsampling_factors
from cadyq_cli.networks.community.translation import Translation, named_tensors
from cadyq_cli.networks.community.weights import Weights
from cadyq_cli.networks.state_dicts import State
from cadyq_cli.networks.untold import Untold

USUAL_RANGE = 255.0
WIDE = 256  # features from which on EDSRs are trained with `SCALED_DOWN`; source: its paper, 3.3
SCALED_DOWN = 0.1


class _Names(NamedTuple):
    """What a program calls the convolutions; {} stands for a number."""

    head: str
    conv1: str
    conv2: str
    body_end: str
    upsampler: str
    tail: str


_BASICSR = _Names(
    "conv_first",
    "body.{}.conv1",
    "body.{}.conv2",
    "conv_after_body",
    "upsample.{}",
    "conv_last",
)
_EDSR_PYTORCH = _Names(
    "head.0", "body.{}.body.0", "body.{}.body.2", "body.{}", "tail.0.{}", "tail.1"
)


def is_edsr(state: State) -> bool:
    return _names_in(state) is not None


def _names_in(state: State | Weights) -> _Names | None:
    """Those of the program that saved a file."""
    for names in (_BASICSR, _EDSR_PYTORCH):
        ends = (names.head, names.conv1.format(0), names.conv2.format(0), names.tail)
        if all(f"{name}.weight" in state for name in ends):
            return names
    return None


def _names_of(weights: Weights) -> _Names:
    names = _names_in(weights)
    if names is None:
        raise ValueError("its first block, its head or its tail is missing")
    return names


def settings_of(weights: Weights) -> dict[str, Any]:
    """Scale, features and blocks.

    Raises:
        ValueError: there are none that fit.
    """
    names = _names_of(weights)
    features = weights.outputs(f"{names.head}.weight")
    factors = _factors(weights, names, features)
    scale = prod(factors)
    if factors != upsampling_factors(scale):
        raise ValueError(f"it enlarges by {' and '.join(map(str, factors))}")
    blocks = 1 + weights.count(names.conv1.replace(".", r"\.").format(r"(\d{1,4})"))
    return {"scale": scale, "features": features, "blocks": blocks}


def _factors(weights: Weights, names: _Names, features: int) -> tuple[int, ...]:
    """By how much each of its upsamplers enlarges."""
    found: list[int] = []
    while (name := f"{names.upsampler.format(2 * len(found))}.weight") in weights:
        outputs = weights.outputs(name)
        factor = next((each for each in (2, 3) if each**2 * features == outputs), None)
        if factor is None:
            raise ValueError(f"{name} makes {outputs} features of {features}")
        found.append(factor)
    return tuple(found)


def translated(weights: Weights, settings: dict[str, Any], untold: Untold) -> Translation:
    """The tensors under our names. Ours reads and gives levels of 0..255, with the mean apart.

    Raises:
        ValueError: one is missing or of another shape, or another mean colour is taken off.
    """
    names, n, blocks = _names_of(weights), settings["features"], settings["blocks"]
    factors = upsampling_factors(settings["scale"])
    told = _told_range(weights)
    if None not in (told, untold.pixel_range) and told != untold.pixel_range:
        raise ValueError(f"its mean colour is of a pixel range of {told:g}")
    white = told or untold.pixel_range or USUAL_RANGE
    usual = SCALED_DOWN if n >= WIDE else 1.0
    residual = usual if untold.residual_scale is None else untold.residual_scale

    head, head_bias = weights.convolution(names.head, n, 3, 3, 3)
    tail, tail_bias = weights.convolution(names.tail, 3, n, 3, 3)
    convolutions = {
        "head": (head * (white / 255), head_bias),
        "body_end": weights.convolution(names.body_end.format(blocks), n, n, 3, 3),
        "tail": (tail * (255 / white), tail_bias * (255 / white)),
    }
    for i in range(blocks):
        second, second_bias = weights.convolution(names.conv2.format(i), n, n, 3, 3)
        convolutions |= {
            f"blocks.{i}.conv1.conv": weights.convolution(names.conv1.format(i), n, n, 3, 3),
            f"blocks.{i}.conv2.conv": (second * residual, second_bias * residual),
        }
    for i, factor in enumerate(factors):
        widened = weights.convolution(names.upsampler.format(2 * i), factor**2 * n, n, 3, 3)
        convolutions[f"upsampler.{2 * i}"] = widened
    assumed = f"with a residual scale of {residual:g}"
    if told is None:
        assumed += f" and a pixel range of {white:g}"
    return Translation(named_tensors(convolutions), assumed)


def _told_range(weights: Weights) -> float | None:
    """The pixel range in which a file has the mean colour, if it has it."""
    if "sub_mean.bias" not in weights:
        return None
    taken = -weights.take("sub_mean.bias", 3)
    mean = taken.new_tensor(DIV2K_MEAN)
    found = float(taken.sum() / mean.sum())
    white = next((each for each in (1.0, USUAL_RANGE) if isclose(found, each, rel_tol=1e-3)), found)
    added = weights.take("add_mean.bias", 3)
    for name in ("sub_mean", "add_mean"):
        deviation = weights.take(f"{name}.weight", 3, 3, 1, 1)[..., 0, 0] - torch.eye(3)
        if not deviation.abs().max() <= 1e-3:  # or is no number
            raise ValueError(f"{name}.weight does more than to shift the mean colour")
    if not white > 0 or not _alike(taken, white * mean) or not _alike(added, white * mean):
        raise ValueError("sub_mean.bias is not the mean colour of DIV2K")
    return white


def _alike(one: Tensor, other: Tensor) -> bool:
    return torch.allclose(one, other, rtol=1e-3)
