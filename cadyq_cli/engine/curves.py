"""Smooth activations in numpy, by the names that programs have for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from cadyq_cli.engine.program import CurveName
from cadyq_cli.engine.runner import Map

_LARGEST = np.float32(87)  # e^87 is finite in float32


def sigmoid(x: Map) -> Map:
    """``1 / (1 + e^-x)``; below -87 as at -87."""
    result: Map = np.float32(1) / (np.float32(1) + np.exp(-np.clip(x, -_LARGEST, _LARGEST)))
    return result


def silu(x: Map) -> Map:
    return x * sigmoid(x)


def hardswish(x: Map) -> Map:
    """Of straight lines and a parabola: ``x * clip(x / 6 + 1 / 2, 0, 1)``."""
    result: Map = x * np.clip(x / np.float32(6) + np.float32(0.5), 0, 1)
    return result


CURVES: Mapping[CurveName, Callable[[Map], Map]] = {
    "silu": silu,
    "hardswish": hardswish,
    "sigmoid": sigmoid,
}
