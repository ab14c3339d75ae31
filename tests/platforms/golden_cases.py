"""Writes convolutions of whole numbers and what PyTorch makes of them, for `kernels_alone.cpp`.

``python tests/platforms/golden_cases.py FILE``; little-endian, without gaps. Each case is int32
height, width, inputs, outputs and kernel size; codes (height, width, inputs) in int16; weights
(outputs, inputs, size, size) in int8; scale and bias (outputs) and results (height, width, outputs)
in float32. Scales are powers of two, so that every result is exact.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import conv2d

SIZES = [(1, 1), (3, 5), (7, 30), (13, 9)]
CHANNELS = [(3, 64), (64, 3), (8, 1), (17, 40)]
CODES = [(0, 255), (-127, 127), (-255, 255)]


def cases() -> Iterator[bytes]:
    rng = np.random.default_rng(2022)
    shapes = product(SIZES, CHANNELS, (1, 3, 5, 9), CODES)
    for (height, width), (inputs, outputs), size, (low, high) in shapes:
        codes = rng.integers(low, high + 1, (height, width, inputs))
        weight = rng.integers(-127, 128, (outputs, inputs, size, size))
        scale = 2.0 ** rng.integers(-8, 3, outputs)
        bias = rng.integers(-1000, 1001, outputs).astype(float)
        maps = torch.from_numpy(codes.transpose(2, 0, 1)[None].astype(float))
        sums = conv2d(maps, torch.from_numpy(weight.astype(float)), padding=size // 2)
        result = sums[0].permute(1, 2, 0).numpy() * scale + bias
        yield np.array([height, width, inputs, outputs, size], "<i4").tobytes()
        yield codes.astype("<i2").tobytes() + weight.astype("i1").tobytes()
        yield b"".join(values.astype("<f4").tobytes() for values in (scale, bias, result))


if __name__ == "__main__":
    Path(sys.argv[1]).write_bytes(b"".join(cases()))
