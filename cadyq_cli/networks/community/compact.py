"""Compact, as Real-ESRGAN's code saves it: convolutions and PReLUs alternate in ``body``."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from cadyq_cli.networks.community.weights import Weights, scale_of
from cadyq_cli.networks.state_dicts import State


def is_compact(state: State) -> bool:
    first, slopes = state.get("body.0.weight"), state.get("body.1.weight")
    return first is not None and first.dim() == 4 and slopes is not None and slopes.dim() == 1


def settings_of(weights: Weights) -> dict[str, Any]:
    """Scale, features and convolutions.

    Raises:
        ValueError: there are none that fit.
    """
    last = weights.count(r"body\.(\d{1,4})\.")  # the head and its PReLU come first
    if last < 4 or last % 2:
        raise ValueError(f"its last layer is body.{last}, where a convolution belongs")
    return {
        "scale": scale_of(weights.outputs(f"body.{last}.weight")),
        "features": weights.outputs("body.0.weight"),
        "convolutions": last // 2 - 1,
    }


def translated(weights: Weights, settings: dict[str, Any]) -> dict[str, Tensor]:
    """The tensors under our names.

    Raises:
        ValueError: one is missing or of another shape.
    """
    n, convolutions = settings["features"], settings["convolutions"]
    last = 2 * convolutions + 2
    ours: dict[str, Tensor] = {}

    def put(name: str, index: int, outputs: int, inputs: int) -> None:
        kernels, biases = weights.convolution(f"body.{index}", outputs, inputs, 3, 3)
        ours[f"{name}.weight"], ours[f"{name}.bias"] = kernels, biases

    put("head", 0, n, 3)
    ours["act.weight"] = weights.take("body.1.weight", n)
    for i in range(convolutions):
        put(f"steps.{i}.conv.conv", 2 * i + 2, n, n)
        ours[f"steps.{i}.act.weight"] = weights.take(f"body.{2 * i + 3}.weight", n)
    put("tail", last, 3 * settings["scale"] ** 2, n)
    return ours
