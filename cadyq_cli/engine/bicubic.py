"""Bicubic enlargement as torch's `interpolate` does it with ``align_corners=False``."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from cadyq_cli.engine.runner import Map

_SHARPNESS = -0.75  # Keys's parameter a in torch
_TAPS = 4
_REACH = 2  # of the taps, from the pixel that a group comes from


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
    wide = np.empty((height + 2 * _REACH, width, factor, channels), np.float32)
    inside = wide[_REACH:-_REACH]
    padded = np.pad(source, ((0, 0), (_REACH, _REACH), (0, 0)), mode="edge")
    padded = padded.reshape(height, -1)  # numpy is quick where many numbers lie in a row
    for phase, (first, weights) in enumerate(_weights(factor)):
        starts = [(_REACH + first + t) * channels for t in range(_TAPS)]
        taps = [padded[:, start : start + width * channels] for start in starts]
        row = sum(w * tap for w, tap in zip(weights, taps, strict=True))
        inside[:, :, phase] = np.reshape(row, source.shape)
    wide[:_REACH], wide[-_REACH:] = inside[0], inside[-1]
    rows = wide.reshape(height + 2 * _REACH, -1)
    groups = out.reshape(height, factor, -1)
    scratch = np.empty((height, rows.shape[1]), np.float32)
    for phase, (first, weights) in enumerate(_weights(factor)):
        taps = [rows[_REACH + first + t :][:height] for t in range(_TAPS)]
        np.multiply(taps[0], weights[0], out=groups[:, phase])
        for weight, tap in zip(weights[1:], taps[1:], strict=True):
            np.multiply(tap, weight, out=scratch)
            groups[:, phase] += scratch
