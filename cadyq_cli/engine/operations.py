"""A program's instructions, ready to run: each is called with the patch that is on its way."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cadyq_cli.engine import program
from cadyq_cli.engine.bicubic import enlarge
from cadyq_cli.engine.buffers import Shape
from cadyq_cli.engine.curves import CURVES
from cadyq_cli.engine.folding import Arrays, folded, slopes, without_groups
from cadyq_cli.engine.kernels import PAD, CodesOut, Epilogue, Kernels, Rounding, Sums
from cadyq_cli.engine.loaded_grid import LoadedGrid
from cadyq_cli.engine.runner import Chosen, Map
from cadyq_cli.engine.selector_inputs import channel_spread
from cadyq_cli.quant.limits import SMALLEST_INPUT
from cadyq_cli.quant.places import INNER, PLACES, borders


@dataclass(slots=True)
class PatchState:
    """A patch on its way through a program."""

    height: int
    width: int
    gradient: NDArray[np.float32]  # (2,)
    arrays: dict[str, NDArray[Any]]  # maps and codes by value
    units: dict[str, float] = field(default_factory=dict)  # what codes are worth to weights
    steps: dict[str, NDArray[np.float32]] = field(default_factory=dict)  # and to others, (C,)
    sums: dict[str, Sums] = field(default_factory=dict)  # of maps, where they are known
    choices: dict[str, Chosen] = field(default_factory=dict)
    price: float = 0.0  # of a bit, as selectors weigh it against their scores
    strengths: list[float] = field(default_factory=list)  # that bounds were multiplied by


@dataclass(frozen=True, slots=True)
class Context:
    """What instructions are made ready with."""

    arrays: Arrays
    kernels: Kernels
    shapes: Mapping[str, Shape]  # of all values
    measured: frozenset[str]  # maps whose sums a site asks for


Operation = Callable[[PatchState], None]


class RunSite:
    def __init__(self, site: program.Site, context: Context) -> None:
        self._site, self._kernels = site, context.kernels
        counts = [context.shapes[source].channels for source in site.sources]
        stops = [sum(counts[: i + 1]) for i in range(len(counts))]
        self._channels = [slice(stop - n, stop) for n, stop in zip(counts, stops, strict=True)]
        self._grid = LoadedGrid(site.grid, context.arrays, sum(counts))
        self._measures = not site.grid.fixed
        if site.grid.relative:
            self._faintest = context.arrays[f"{site.grid.module}.faintest"].item()
        if site.grid.selects:
            module = site.grid.module
            self._weight = context.arrays[f"{module}.selector.weight"].astype(np.float64)
            self._input_scale = context.arrays[f"{module}.input_scale"].astype(np.float64)
            self._bias = context.arrays[f"{module}.selector.bias"]
            self._widths = np.array(site.grid.widths, np.float64)

    def __call__(self, state: PatchState) -> None:
        sources = [state.arrays[source] for source in self._site.sources]
        index, magnitude, scores, spread = 0, 1.0, None, None
        if self._measures:
            sums = [self._sums(state, source) for source in self._site.sources]
            totals, squares = (np.concatenate(parts) for parts in zip(*sums, strict=True))
            pixels = sources[0].shape[0] * sources[0].shape[1]
            if self._site.grid.relative:
                power = float((squares / self._grid.span**2).sum()) / (pixels * len(squares))
                magnitude = _to_8_bits(max(math.sqrt(power), self._faintest))
                state.strengths.append(power)
            if self._site.grid.selects:
                spread = channel_spread(totals, squares, pixels)
                scores = self._weight @ self._inputs(state.gradient, spread) + self._bias
                index = int((scores - state.price * self._widths).argmax())
                scores, spread = scores.astype(np.float32), spread.astype(np.float32)
        if self._grid.name is not None:
            state.choices[self._grid.name] = Chosen(self._grid.widths[index], scores, spread)
        unit = state.units[self._site.out] = self._grid.unit(index, magnitude)
        rounding = self._grid.rounding(index, unit)
        state.steps[self._site.out] = rounding.steps
        codes = state.arrays[self._site.out]
        for source, channels in zip(sources, self._channels, strict=True):
            self._kernels.encode(source, rounding.part(channels), codes, channels.start)

    def _inputs(self, *measured: NDArray[Any]) -> NDArray[Any]:
        """What the selector sees of gradient and spread."""
        scaled: NDArray[Any] = np.concatenate(measured) * self._input_scale
        if self._site.grid.logarithmic:
            scaled = np.log(np.maximum(scaled, SMALLEST_INPUT)) / len(scaled) ** 0.5
        return scaled

    def _sums(self, state: PatchState, source: str) -> Sums:
        if source not in state.sums:
            state.sums[source] = self._kernels.sums(state.arrays[source])
        return state.sums[source]


def _to_8_bits(x: float) -> float:
    """The nearest number with 8 significant bits, as bfloat16 has; what is not finite stays."""
    if not math.isfinite(x):
        return x
    fraction, exponent = math.frexp(x)
    return math.ldexp(round(fraction * 256), exponent - 8)


class FixedGrid(NamedTuple):
    """The only grid of a site that is the same for every patch."""

    name: str | None  # of the site, if it counts
    bits: int
    unit: float
    rounding: Rounding


def _fixed(grid: program.Grid | None, arrays: Arrays, channels: int) -> FixedGrid | None:
    if grid is None:
        return None
    loaded = LoadedGrid(grid, arrays, channels)
    unit = loaded.unit(0)
    return FixedGrid(loaded.name, loaded.widths[0], unit, loaded.rounding(0, unit))


class RunConv:
    def __init__(self, conv: program.Conv, context: Context, place: int = INNER) -> None:
        self._conv, self._kernels = conv, context.kernels
        source = context.shapes[conv.source]
        self._whole, self._factor = source.codes, source.factor
        parts = folded(conv, context.arrays, whole=source.codes, place=place)
        shuffle = conv.shuffle
        if source.codes:
            self._packed = self._kernels.pack(
                parts.weight, groups=parts.groups, shuffle=shuffle, codes=source.range
            )
        else:
            dense = without_groups(parts.weight, parts.groups)
            self._packed = self._kernels.pack_float(dense, shuffle=shuffle)
        self._scale, self._bias = parts.scale, parts.bias
        self._slope1, self._slope2 = parts.slope1, parts.slope2
        self._round = _fixed(conv.round, context.arrays, parts.outputs)
        self._encode = _fixed(conv.encode, context.arrays, parts.outputs // shuffle**2)
        self._adds_codes = conv.add is not None and context.shapes[conv.add].codes
        self._measured = conv.out in context.measured

    def __call__(self, state: PatchState) -> None:
        conv = self._conv
        source = state.arrays[conv.source]
        out: Map | None = state.arrays[conv.out]
        scale = self._scale * state.units[conv.source] if self._whole else self._scale
        epilogue = Epilogue(
            scale=scale.astype(np.float32),
            bias=self._bias,
            slope1=self._slope1,
            curve=conv.curve,
            gate=conv.gate,
            slope2=self._slope2,
            shuffle=conv.shuffle,
            statistics=self._measured,
        )
        if self._round is not None:
            epilogue.round = self._round.rounding
            self._record(state, self._round)
        if conv.add is not None:
            if self._adds_codes:
                epilogue.add_codes = state.arrays[conv.add], state.steps[conv.add]
            else:
                epilogue.add_map = state.arrays[conv.add]
        if self._encode is not None:
            epilogue.codes = CodesOut(state.arrays[conv.out], self._encode.rounding)
            state.units[conv.out] = self._encode.unit
            state.steps[conv.out] = self._encode.rounding.steps
            self._record(state, self._encode)
            out = None
        if self._whole:
            size = state.height * self._factor, state.width * self._factor
            sums = self._kernels.convolve(source, *size, self._packed, out, epilogue)
        else:
            sums = self._kernels.convolve_float(source, self._packed, out, epilogue)
        if sums is not None:
            state.sums[conv.out] = sums

    def _record(self, state: PatchState, grid: FixedGrid) -> None:
        if grid.name is not None:
            state.choices[grid.name] = Chosen(grid.bits)


class RunBorderedConv:
    """A convolution for each of the places; that of the inner ones runs everywhere first."""

    def __init__(self, conv: program.BorderedConv, context: Context) -> None:
        self._conv, self._kernels = conv, context.kernels
        self._source = context.shapes[conv.source]
        self._reach = context.arrays[f"{conv.module}.weight"].shape[-1] // 2
        self._convs = [RunConv(conv, context, place) for place in range(PLACES)]

    def __call__(self, state: PatchState) -> None:
        self._convs[INNER](state)
        source = state.arrays[self._conv.source]
        if not self._source.codes:
            source = np.pad(source, ((self._reach,) * 2, (self._reach,) * 2, (0, 0)))
        for place, rows, columns in borders(state.height, state.width):
            self._do_over(state, source, place, rows, columns)

    def _do_over(
        self, state: PatchState, source: NDArray[Any], place: int, rows: slice, columns: slice
    ) -> None:
        """Write the pixels of one place, from a copy of those of the padded source in its reach."""
        conv, r = self._conv, self._conv.shuffle
        out = state.arrays[conv.out]
        height, width = rows.stop - rows.start, columns.stop - columns.start
        if self._source.codes:
            window = self._kernels.new_codes(height, width, self._source.channels)
            around = slice(0, height), slice(0, width)
            window[self._around(*around, PAD)] = source[self._around(rows, columns, PAD)]
            margin = 0
        else:
            margin = self._reach
            window = np.ascontiguousarray(source[self._around(rows, columns, margin)])
        height, width = height + 2 * margin, width + 2 * margin
        result = np.empty((height * r, width * r, out.shape[2]), np.float32)
        arrays = {conv.source: window, conv.out: result}
        part = PatchState(height, width, state.gradient, arrays, state.units, state.steps)
        self._convs[place](part)
        inside = slice(margin * r, (height - margin) * r), slice(margin * r, (width - margin) * r)
        out[_times(rows, r), _times(columns, r)] = result[inside]

    def _around(self, rows: slice, columns: slice, origin: int) -> tuple[slice, slice]:
        """Those rows and columns and all within reach, in an array with `origin` in front."""
        top, left = rows.start + origin - self._reach, columns.start + origin - self._reach
        bottom, right = rows.stop + origin + self._reach, columns.stop + origin + self._reach
        return slice(top, bottom), slice(left, right)


def _times(pixels: slice, factor: int) -> slice:
    return slice(pixels.start * factor, pixels.stop * factor)


class RunDecode:
    def __init__(self, decode: program.Decode, context: Context) -> None:
        self._decode = decode

    def __call__(self, state: PatchState) -> None:
        out = state.arrays[self._decode.out]
        height, width, channels = out.shape
        inside = state.arrays[self._decode.source][PAD:, PAD:][:height, :width, :channels]
        np.multiply(inside, state.steps[self._decode.source], out=out, dtype=np.float32)


class RunAffine:
    def __init__(self, affine: program.Affine, context: Context) -> None:
        self._affine = affine
        self._scale = np.array(affine.scale, np.float32)
        self._offset = np.array(affine.offset, np.float32)

    def __call__(self, state: PatchState) -> None:
        out = state.arrays[self._affine.out]
        np.multiply(state.arrays[self._affine.source], self._scale, out=out)
        out += self._offset


class RunAct:
    def __init__(self, act: program.Act, context: Context) -> None:
        self._act = act
        self._slope = slopes(act.slope, context.arrays, context.shapes[act.source].channels)

    def __call__(self, state: PatchState) -> None:
        source = state.arrays[self._act.source]
        np.multiply(source, self._slope, out=state.arrays[self._act.out])
        np.copyto(state.arrays[self._act.out], source, where=source >= 0)


class RunCurve:
    def __init__(self, curve: program.Curve, context: Context) -> None:
        self._curve = curve

    def __call__(self, state: PatchState) -> None:
        curve = self._curve
        np.copyto(
            state.arrays[curve.out],
            CURVES[curve.curve](state.arrays[curve.source]),
        )


class RunOfTwo:
    """The sum or the product of two maps."""

    def __init__(self, combined: program.Add | program.Multiply, context: Context) -> None:
        self._combined = combined
        self._combine = np.add if isinstance(combined, program.Add) else np.multiply

    def __call__(self, state: PatchState) -> None:
        a, b = (state.arrays[source] for source in self._combined.sources)
        self._combine(a, b, out=state.arrays[self._combined.out])


class RunConcat:
    def __init__(self, concat: program.Concat, context: Context) -> None:
        self._concat = concat

    def __call__(self, state: PatchState) -> None:
        sources = [state.arrays[source] for source in self._concat.sources]
        np.concatenate(sources, axis=2, out=state.arrays[self._concat.out])


class RunSlice:
    def __init__(self, selection: program.Slice, context: Context) -> None:
        self._selection = selection
        self._channels = slice(selection.start, selection.stop)

    def __call__(self, state: PatchState) -> None:
        selection = self._selection
        np.copyto(state.arrays[selection.out], state.arrays[selection.source][:, :, self._channels])
        if selection.source in state.sums:
            totals, squares = state.sums[selection.source]
            state.sums[selection.out] = totals[self._channels], squares[self._channels]


class RunShuffle:
    def __init__(self, shuffle: program.Shuffle, context: Context) -> None:
        self._shuffle = shuffle

    def __call__(self, state: PatchState) -> None:
        source, r = state.arrays[self._shuffle.source], self._shuffle.factor
        height, width, _ = source.shape
        parts = source.reshape(height, width, -1, r, r)
        out = state.arrays[self._shuffle.out].reshape(height, r, width, r, -1)
        np.copyto(out, parts.transpose(0, 3, 1, 4, 2))


class RunBicubic:
    def __init__(self, bicubic: program.Bicubic, context: Context) -> None:
        self._bicubic = bicubic

    def __call__(self, state: PatchState) -> None:
        arrays, bicubic = state.arrays, self._bicubic
        enlarge(arrays[bicubic.source], bicubic.factor, arrays[bicubic.out])


OPERATIONS: Mapping[type[program.Instruction], Callable[..., Any]] = {
    program.Conv: RunConv,
    program.BorderedConv: RunBorderedConv,
    program.Site: RunSite,
    program.Decode: RunDecode,
    program.Affine: RunAffine,
    program.Act: RunAct,
    program.Curve: RunCurve,
    program.Add: RunOfTwo,
    program.Multiply: RunOfTwo,
    program.Concat: RunConcat,
    program.Slice: RunSlice,
    program.Shuffle: RunShuffle,
    program.Bicubic: RunBicubic,
}
