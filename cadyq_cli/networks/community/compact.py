"""Compact, as Real-ESRGAN's code saves it: convolutions and PReLUs alternate in ``body``."""

from __future__ import annotations

from typing import Any

from cadyq_cli.networks.community.translation import Translation, named_tensors
from cadyq_cli.networks.community.weights import Weights, scale_of
from cadyq_cli.networks.state_dicts import State
from cadyq_cli.networks.untold import Untold


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


def translated(weights: Weights, settings: dict[str, Any], _: Untold) -> Translation:
    """The tensors under our names.

    Raises:
        ValueError: one is missing or of another shape.
    """
    n, convolutions = settings["features"], settings["convolutions"]
    last = 2 * convolutions + 2
    found = {
        "head": weights.convolution("body.0", n, 3, 3, 3),
        "tail": weights.convolution(f"body.{last}", 3 * settings["scale"] ** 2, n, 3, 3),
    }
    slopes = {"act.weight": weights.take("body.1.weight", n)}
    for i in range(convolutions):
        found[f"steps.{i}.conv.conv"] = weights.convolution(f"body.{2 * i + 2}", n, n, 3, 3)
        slopes[f"steps.{i}.act.weight"] = weights.take(f"body.{2 * i + 3}.weight", n)
    return Translation(named_tensors(found) | slopes)
