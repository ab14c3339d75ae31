"""Tells a network that computes no picture from one that does."""

from __future__ import annotations

import math

from cadyq_cli.engine.runner import Map
from cadyq_cli.errors import CheckpointError


def check_finite(pixels: Map, *strengths: float, name: str) -> None:
    """Refuse a result with a number in it that is not finite.

    Args:
        pixels: What a network makes of a patch.
        strengths: Of what was measured on the way there.
        name: Of the network.

    Raises:
        CheckpointError: there is such a number.
    """
    ends = float(pixels.min()), float(pixels.max())  # either is NaN where any number is
    if not all(map(math.isfinite, (*ends, *strengths))):
        raise CheckpointError(name, "computes numbers that are not finite, so there is no picture")
