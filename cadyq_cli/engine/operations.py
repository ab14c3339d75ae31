"""Steps that are ready to run: each is called with the patch that is on its way."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cadyq_cli.engine import bicubic, program
from cadyq_cli.engine.buffers import Shape
from cadyq_cli.engine.curves import CURVES
from cadyq_cli.engine.folding import Arrays, folded, slopes, without_groups
from cadyq_cli.engine.kernels import PAD, CodesOut, Epilogue, Kernels, Sums
from cadyq_cli.engine.runner import Chosen, Map
from cadyq_cli.engine.sensitivity import channel_spread
from cadyq_cli.quant.limits import SMALLEST_INPUT
from cadyq_cli.quant.places import INNER, PLACES, borders


@dataclass(slots=True)
class Run:
    """A patch on its way through a program."""

    height: int
    width: int
    gradient: NDArray[np.float32]  # (2,)
    arrays: dict[str, NDArray[Any]]  # maps and codes by value
    steps: dict[str, float] = field(default_factory=dict)  # of codes
    sums: dict[str, Sums] = field(default_factory=dict)  # of maps, where they are known
    choices: dict[str, Chosen] = field(default_factory=dict)
    strengths: list[float] = field(default_factory=list)  # that bounds were multiplied by


@dataclass(frozen=True, slots=True)
class Context:
    """What steps are made ready with."""

    arrays: Arrays
    kernels: Kernels
    shapes: Mapping[str, Shape]  # of all values
    measured: frozenset[str]  # maps whose sums a site asks for


Operation = Callable[[Run], None]


class Grid:
    """The steps and codes of a site's grids."""

    def __init__(self, grid: program.Grid, arrays: Arrays) -> None:
        self.name, self.widths, self.codes = grid.name, grid.widths, grid.codes
        self._bounds = arrays[f"{grid.module}.bounds"].astype(np.float32)

    def step(self, index: int, magnitude: float = 1.0) -> float:
        bound = self._bounds[index] * np.float32(magnitude)
        return float(bound / np.float32(self.codes[index][1]))

    def fixed(self) -> tuple[float, int, int]:
        """Step, lowest and highest code of the only width."""
        return self.step(0), *self.codes[0]


class Site:
    def __init__(self, step: program.Site, context: Context) -> None:
        self._step, self._kernels = step, context.kernels
        self._grid = Grid(step.grid, context.arrays)
        parts = [context.shapes[source] for source in step.sources]
        self._channels = [sum(part.channels for part in parts[:i]) for i in range(len(parts))]
        self._measures = not step.grid.fixed
        if step.grid.relative:
            self._faintest = context.arrays[f"{step.grid.module}.faintest"].item()
        if step.grid.selects:
            module = step.grid.module
            self._weight = context.arrays[f"{module}.selector.weight"].astype(np.float64)
            self._input_scale = context.arrays[f"{module}.input_scale"].astype(np.float64)
            self._bias = context.arrays[f"{module}.selector.bias"]

    def __call__(self, run: Run) -> None:
        sources = [run.arrays[source] for source in self._step.sources]
        index, magnitude, scores, spread = 0, 1.0, None, None
        if self._measures:
            sums = [self._sums(run, source) for source in self._step.sources]
            totals, squares = (np.concatenate(parts) for parts in zip(*sums, strict=True))
            pixels = sources[0].shape[0] * sources[0].shape[1]
            if self._step.grid.relative:
                power = float(squares.sum()) / (pixels * len(squares))
                magnitude = _to_8_bits(max(math.sqrt(power), self._faintest))
                run.strengths.append(power)
            if self._step.grid.selects:
                spread = channel_spread(totals, squares, pixels)
                scores = self._weight @ self._inputs(run.gradient, spread) + self._bias
                index = int(scores.argmax())
                scores, spread = scores.astype(np.float32), spread.astype(np.float32)
        if self._grid.name is not None:
            run.choices[self._grid.name] = Chosen(self._grid.widths[index], scores, spread)
        step = run.steps[self._step.out] = self._grid.step(index, magnitude)
        low, high = self._grid.codes[index]
        codes = run.arrays[self._step.out]
        for source, channel in zip(sources, self._channels, strict=True):
            self._kernels.encode(source, step, low, high, codes, channel)

    def _inputs(self, *measured: NDArray[Any]) -> NDArray[Any]:
        """What the selector sees of gradient and spread."""
        scaled: NDArray[Any] = np.concatenate(measured) * self._input_scale
        if self._step.grid.logarithmic:
            scaled = np.log(np.maximum(scaled, SMALLEST_INPUT)) / len(scaled) ** 0.5
        return scaled

    def _sums(self, run: Run, source: str) -> Sums:
        if source not in run.sums:
            run.sums[source] = self._kernels.sums(run.arrays[source])
        return run.sums[source]


def _to_8_bits(x: float) -> float:
    """The nearest number with 8 significant bits, as bfloat16 has; what is not finite stays."""
    if not math.isfinite(x):
        return x
    fraction, exponent = math.frexp(x)
    return math.ldexp(round(fraction * 256), exponent - 8)


class Conv:
    def __init__(self, step: program.Conv, context: Context, place: int = INNER) -> None:
        self._step, self._kernels = step, context.kernels
        source = context.shapes[step.source]
        self._whole, self._factor = source.codes, source.factor
        parts = folded(step, context.arrays, whole=source.codes, place=place)
        shuffle = step.shuffle
        if source.codes:
            self._packed = self._kernels.pack(
                parts.weight, groups=parts.groups, shuffle=shuffle, codes=source.range
            )
        else:
            dense = without_groups(parts.weight, parts.groups)
            self._packed = self._kernels.pack_float(dense, shuffle=shuffle)
        self._scale, self._bias = parts.scale, parts.bias
        self._slope1, self._slope2 = parts.slope1, parts.slope2
        self._round = Grid(step.round, context.arrays) if step.round else None
        self._encode = Grid(step.encode, context.arrays) if step.encode else None
        self._adds_codes = step.add is not None and context.shapes[step.add].codes
        self._measured = step.out in context.measured

    def __call__(self, run: Run) -> None:
        step = self._step
        source = run.arrays[step.source]
        out: Map | None = run.arrays[step.out]
        scale = self._scale * run.steps[step.source] if self._whole else self._scale
        epilogue = Epilogue(
            scale=scale.astype(np.float32),
            bias=self._bias,
            slope1=self._slope1,
            curve=step.curve,
            gate=step.gate,
            slope2=self._slope2,
            shuffle=step.shuffle,
            statistics=self._measured,
        )
        if self._round is not None:
            epilogue.round = self._round.fixed()
            self._record(run, self._round)
        if step.add is not None:
            if self._adds_codes:
                epilogue.add_codes = run.arrays[step.add], run.steps[step.add]
            else:
                epilogue.add_map = run.arrays[step.add]
        if self._encode is not None:
            epilogue.codes = CodesOut(run.arrays[step.out], *self._encode.fixed())
            run.steps[step.out] = epilogue.codes.step
            self._record(run, self._encode)
            out = None
        if self._whole:
            size = run.height * self._factor, run.width * self._factor
            sums = self._kernels.convolve(source, *size, self._packed, out, epilogue)
        else:
            sums = self._kernels.convolve_float(source, self._packed, out, epilogue)
        if sums is not None:
            run.sums[step.out] = sums

    def _record(self, run: Run, grid: Grid) -> None:
        if grid.name is not None:
            run.choices[grid.name] = Chosen(grid.widths[0])


class BorderedConv:
    """A convolution for each of the places; that of the inner ones runs everywhere first."""

    def __init__(self, step: program.BorderedConv, context: Context) -> None:
        self._step, self._kernels = step, context.kernels
        self._source = context.shapes[step.source]
        self._reach = context.arrays[f"{step.module}.weight"].shape[-1] // 2
        self._convs = [Conv(step, context, place) for place in range(PLACES)]

    def __call__(self, run: Run) -> None:
        self._convs[INNER](run)
        source = run.arrays[self._step.source]
        if not self._source.codes:
            source = np.pad(source, ((self._reach,) * 2, (self._reach,) * 2, (0, 0)))
        for place, rows, columns in borders(run.height, run.width):
            self._do_over(run, source, place, rows, columns)

    def _do_over(
        self, run: Run, source: NDArray[Any], place: int, rows: slice, columns: slice
    ) -> None:
        """Write the pixels of one place, from a copy of those of the padded source in its reach."""
        step, r = self._step, self._step.shuffle
        out = run.arrays[step.out]
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
        arrays = {step.source: window, step.out: result}
        self._convs[place](Run(height, width, run.gradient, arrays, run.steps))
        inside = slice(margin * r, (height - margin) * r), slice(margin * r, (width - margin) * r)
        out[_times(rows, r), _times(columns, r)] = result[inside]

    def _around(self, rows: slice, columns: slice, origin: int) -> tuple[slice, slice]:
        """Those rows and columns and all within reach, in an array with `origin` in front."""
        top, left = rows.start + origin - self._reach, columns.start + origin - self._reach
        bottom, right = rows.stop + origin + self._reach, columns.stop + origin + self._reach
        return slice(top, bottom), slice(left, right)


def _times(pixels: slice, factor: int) -> slice:
    return slice(pixels.start * factor, pixels.stop * factor)


class Decode:
    def __init__(self, step: program.Decode, context: Context) -> None:
        self._step = step

    def __call__(self, run: Run) -> None:
        out = run.arrays[self._step.out]
        height, width, channels = out.shape
        inside = run.arrays[self._step.source][PAD:, PAD:][:height, :width, :channels]
        np.multiply(inside, run.steps[self._step.source], out=out, dtype=np.float32)


class Affine:
    def __init__(self, step: program.Affine, context: Context) -> None:
        self._step = step
        self._scale = np.array(step.scale, np.float32)
        self._offset = np.array(step.offset, np.float32)

    def __call__(self, run: Run) -> None:
        out = run.arrays[self._step.out]
        np.multiply(run.arrays[self._step.source], self._scale, out=out)
        out += self._offset


class Act:
    def __init__(self, step: program.Act, context: Context) -> None:
        self._step = step
        self._slope = slopes(step.slope, context.arrays, context.shapes[step.source].channels)

    def __call__(self, run: Run) -> None:
        source = run.arrays[self._step.source]
        np.multiply(source, self._slope, out=run.arrays[self._step.out])
        np.copyto(run.arrays[self._step.out], source, where=source >= 0)


class Curve:
    def __init__(self, step: program.Curve, context: Context) -> None:
        self._step = step

    def __call__(self, run: Run) -> None:
        step = self._step
        np.copyto(run.arrays[step.out], CURVES[step.curve](run.arrays[step.source]))


class OfTwo:
    """The sum or the product of two maps."""

    def __init__(self, step: program.Add | program.Multiply, context: Context) -> None:
        self._step = step
        self._combine = np.add if isinstance(step, program.Add) else np.multiply

    def __call__(self, run: Run) -> None:
        a, b = (run.arrays[source] for source in self._step.sources)
        self._combine(a, b, out=run.arrays[self._step.out])


class Concat:
    def __init__(self, step: program.Concat, context: Context) -> None:
        self._step = step

    def __call__(self, run: Run) -> None:
        sources = [run.arrays[source] for source in self._step.sources]
        np.concatenate(sources, axis=2, out=run.arrays[self._step.out])


class Slice:
    def __init__(self, step: program.Slice, context: Context) -> None:
        self._step = step
        self._channels = slice(step.start, step.stop)

    def __call__(self, run: Run) -> None:
        step = self._step
        np.copyto(run.arrays[step.out], run.arrays[step.source][:, :, self._channels])
        if step.source in run.sums:
            totals, squares = run.sums[step.source]
            run.sums[step.out] = totals[self._channels], squares[self._channels]


class Shuffle:
    def __init__(self, step: program.Shuffle, context: Context) -> None:
        self._step = step

    def __call__(self, run: Run) -> None:
        source, r = run.arrays[self._step.source], self._step.factor
        height, width, _ = source.shape
        parts = source.reshape(height, width, -1, r, r)
        out = run.arrays[self._step.out].reshape(height, r, width, r, -1)
        np.copyto(out, parts.transpose(0, 3, 1, 4, 2))


class Bicubic:
    def __init__(self, step: program.Bicubic, context: Context) -> None:
        self._step = step

    def __call__(self, run: Run) -> None:
        arrays, step = run.arrays, self._step
        bicubic.enlarge(arrays[step.source], step.factor, arrays[step.out])


OPERATIONS: Mapping[type[program.Step], Callable[..., Any]] = {
    program.Conv: Conv,
    program.BorderedConv: BorderedConv,
    program.Site: Site,
    program.Decode: Decode,
    program.Affine: Affine,
    program.Act: Act,
    program.Curve: Curve,
    program.Add: OfTwo,
    program.Multiply: OfTwo,
    program.Concat: Concat,
    program.Slice: Slice,
    program.Shuffle: Shuffle,
    program.Bicubic: Bicubic,
}
