"""The numbers of an ncnn network, layer after layer.

Source: ncnn's `modelbin.cpp`. A convolution's kernels begin with a tag, which says how they are
stored; everything else is float32.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cadyq_cli.networks.community.ncnn.graph import Layer

Floats = NDArray[np.floating[Any]]

_SINGLE = (0, 0x0002C056)
_HALF = 0x01306B47
_ALIGNED = 4  # bytes of which what half-precision kernels take is a multiple


class Numbers:
    """What is left of a ``.bin``."""

    def __init__(self, content: bytes) -> None:
        self._content, self._at = content, 0

    def of(self, layer: Layer) -> dict[str, Floats]:
        """A layer's tensors, as PyTorch has them: kernels and biases, slopes or constants.

        Raises:
            ValueError: the file ends, or has kernels in another form.
        """
        get = layer.settings.get
        if layer.kind != "Convolution":
            shape = [int(get(axis, 1)) for axis in (0, 1, 2)]
            return {"weight": self._singles(layer, prod(shape))}
        outputs, side, size = int(get(0, 0)), int(get(1, 0)), int(get(6, 0))
        if outputs < 1 or size < 1 or size % (outputs * side**2):
            raise ValueError(f"{layer} cannot have {size} weights and {outputs} outputs")
        kernels = self._kernels(layer, size).reshape(outputs, -1, side, side)
        return {"weight": kernels} | (
            {"bias": self._singles(layer, outputs)} if get(5, 0) == 1 else {}
        )

    def check_end(self) -> None:
        """Raise a `ValueError` if there are more numbers than the layers have."""
        if left := len(self._content) - self._at:
            raise ValueError(f"its .bin has {left} bytes more than its layers take")

    def _kernels(self, layer: Layer, count: int) -> Floats:
        tag = int(self._take(layer, 1, np.dtype("<u4"))[0])
        if tag in _SINGLE:
            return self._singles(layer, count)
        if tag != _HALF:
            raise ValueError(f"{layer} has weights in another form than float32 and float16")
        kernels = self._take(layer, count, np.dtype("<f2"))
        self._at += -2 * count % _ALIGNED
        return kernels.astype(np.float32)

    def _singles(self, layer: Layer, count: int) -> Floats:
        return self._take(layer, count, np.dtype("<f4"))

    def _take(self, layer: Layer, count: int, kind: np.dtype[Any]) -> NDArray[Any]:
        """That many numbers, where they lie in the file."""
        end = self._at + count * kind.itemsize
        if count < 1 or end > len(self._content):
            raise ValueError(f"its .bin ends before the {count} numbers of {layer}")
        found = np.frombuffer(self._content, kind, count, self._at)
        self._at = end
        return found
