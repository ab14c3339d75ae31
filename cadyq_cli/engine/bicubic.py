"""Bicubic enlargement as torch's `interpolate` does it with ``align_corners=False``."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from cadyq_cli.engine.kernels import Map

_SHARPNESS = -0.75  # Keys's parameter a in torch
_TAPS = 4


@cache
def _weights(factor: int) -> tuple[tuple[int, NDArray[np.float32]], ...]:
    """For each pixel of a group: its first tap, from the group's source on, and four weights."""
    phases = []
    for phase in range(factor):
        position = (phase + 0.5) / factor - 0.5
        first = int(np.floor(position)) - 1
        distance = np.abs(position - first - np.arange(_TAPS))
        near = ((_SHARPNESS + 2) * distance - (_SHARPNESS + 3)) * distance**2 + 1
        far = ((distance - 5) * distance + 8) * distance * _SHARPNESS - 4 * _SHARPNESS
        phases.append((first, np.where(distance <= 1, near, far).astype(np.float32)))
    return tuple(phases)


def enlarge(source: Map, factor: int, out: Map) -> None:
    """Write `source` (H, W, C), `factor` times as large, to `out`. Borders are replicated."""
    height, width, channels = source.shape
    padded = np.pad(source, ((2, 2), (0, 0), (0, 0)), mode="edge")
    tall = np.empty((height, factor, width, channels), np.float32)
    for phase, (first, weights) in enumerate(_weights(factor)):
        taps = [padded[2 + first + t : 2 + first + t + height] for t in range(_TAPS)]
        tall[:, phase] = sum(w * tap for w, tap in zip(weights, taps, strict=True))
    padded = np.pad(
        tall.reshape(height * factor, width, channels), ((0, 0), (2, 2), (0, 0)), mode="edge"
    )
    groups = out.reshape(height * factor, width, factor, channels)
    for phase, (first, weights) in enumerate(_weights(factor)):
        taps = [padded[:, 2 + first + t : 2 + first + t + width] for t in range(_TAPS)]
        groups[:, :, phase] = sum(w * tap for w, tap in zip(weights, taps, strict=True))
