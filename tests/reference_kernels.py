"""The engine's kernels in plain numpy: slow and short, what the native ones are compared with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cadyq_cli.engine.curves import CURVES, sigmoid
from cadyq_cli.engine.folding import without_groups
from cadyq_cli.engine.kernels import IMAGE, PAD, TILE, WIDEST, Codes, Epilogue, Rounding, Sums
from cadyq_cli.engine.runner import Map


@dataclass(frozen=True, slots=True)
class Packed:
    """Weights (O, I, k, k) as they are, with the zeros between groups."""

    weight: NDArray[Any]


class ReferenceKernels:
    """See `engine.kernels.Kernels`."""

    name = "reference"

    def new_codes(self, height: int, width: int, channels: int) -> Codes:
        rows, columns = (-(-length // TILE) * TILE + 2 * PAD for length in (height, width))
        return np.zeros((rows, columns, channels), np.int16)

    def pack(
        self,
        weight: NDArray[np.int8],
        *,
        groups: int = 1,
        shuffle: int = 1,
        codes: tuple[int, int] = WIDEST,
    ) -> Packed:
        return Packed(without_groups(weight.astype(np.float64), groups))

    def pack_float(self, weight: NDArray[np.float32], *, shuffle: int = 1) -> Packed:
        return Packed(weight)

    def encode(self, source: Map, rounding: Rounding, out: Codes, channel: int) -> None:
        height, width, channels = source.shape
        inside = out[PAD : PAD + height, PAD : PAD + width, channel : channel + channels]
        inside[...] = _codes(source, rounding)

    def sums(self, source: Map) -> Sums:
        values = source.astype(np.float64)
        return values.sum(axis=(0, 1)), np.square(values).sum(axis=(0, 1))

    def convolve(
        self,
        codes: Codes,
        height: int,
        width: int,
        packed: Packed,
        out: Map | None,
        epilogue: Epilogue,
    ) -> Sums | None:
        # float64 holds sums of products of whole numbers exactly.
        inputs = codes[:, :, : packed.weight.shape[1]].astype(np.float64)
        reach = packed.weight.shape[2] // 2
        edge = slice(PAD - reach, PAD + height + reach), slice(PAD - reach, PAD + width + reach)
        return self._write(_correlate(inputs[edge], packed.weight), out, epilogue)

    def convolve_float(
        self, source: Map, packed: Packed, out: Map | None, epilogue: Epilogue
    ) -> Sums | None:
        reach = packed.weight.shape[2] // 2
        padded = np.pad(source, ((reach, reach), (reach, reach), (0, 0)))
        if source.shape[2] <= IMAGE:
            padded = padded.astype(np.float64)
        return self._write(_correlate(padded, packed.weight), out, epilogue)

    def _write(self, sums: NDArray[Any], out: Map | None, e: Epilogue) -> Sums | None:
        x = sums.astype(np.float32) * e.scale + e.bias
        height, width, _ = x.shape
        if e.slope1 is not None:
            x = _bend(x, e.slope1)
        if e.curve is not None:
            x = CURVES[e.curve](x)
        if e.round is not None:
            x = _codes(x, e.round) * e.round.steps
        weights = sigmoid(x) - np.float32(0.5) if e.gate else None
        if e.add_map is not None:
            x = x + e.add_map
        if e.add_codes is not None:
            codes, steps = e.add_codes
            inside = codes[PAD : PAD + height, PAD : PAD + width, : x.shape[2]]
            x = x + inside.astype(np.float32) * steps
        if weights is not None:
            x = x * weights
        if e.slope2 is not None:
            x = _bend(x, e.slope2)
        x = _shuffled(x, e.shuffle)
        if e.codes is not None:
            self.encode(x, e.codes.rounding, e.codes.array, e.codes.channel)
        elif out is not None:
            out[...] = x
        return self.sums(x) if e.statistics else None


def rounding(channels: int, steps: Any, lowest: Any, highest: Any) -> Rounding:
    """Grids of some channels, of one number for all or one for each."""
    return Rounding(
        *(
            np.broadcast_to(np.asarray(each, np.float32), channels)
            for each in (steps, lowest, highest)
        )
    )


def _codes(x: Map, grid: Rounding) -> Map:
    codes: Map = np.clip(np.rint(x / grid.steps), grid.lowest, grid.highest)
    return codes


def _bend(x: Map, slope: NDArray[np.float32]) -> Map:
    return np.where(x < 0, x * slope, x)


def _correlate(padded: NDArray[Any], weight: NDArray[Any]) -> NDArray[Any]:
    """The sum over inputs and taps where all taps lie inside `padded`."""
    edge = weight.shape[2]
    height, width = padded.shape[0] - edge + 1, padded.shape[1] - edge + 1
    taps = [
        padded[y : y + height, x : x + width] @ weight[:, :, y, x].T
        for y in range(edge)
        for x in range(edge)
    ]
    result: NDArray[Any] = np.sum(taps, axis=0)
    return result


def _shuffled(x: Map, r: int) -> Map:
    height, width, outputs = x.shape
    parts = x.reshape(height, width, outputs // (r * r), r, r)
    result: Map = parts.transpose(0, 3, 1, 4, 2).reshape(height * r, width * r, -1)
    return result
