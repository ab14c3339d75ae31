"""What a program and its tensors have to be, so that kernels may be handed their addresses.

Each rule says what it applies to, what is wrong where it does not hold, and what must hold. Rules
are asked in order, and each may rely on those before it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cadyq_cli.engine.buffers import Shape
from cadyq_cli.engine.curves import CURVES
from cadyq_cli.engine.facts import NORM, ConvFacts, Facts, GridFacts
from cadyq_cli.engine.folding import STEP_SUFFIX
from cadyq_cli.engine.kernels import PAD, WIDEST
from cadyq_cli.engine.limits import (
    BOUNDS,
    LARGEST_DECONVOLUTION,
    LARGEST_FACTOR,
    LARGEST_SCALE,
    MEMORY,
    MOST_CHANNELS,
    MOST_INSTRUCTIONS,
    MOST_NUMBERS,
    MOST_SOURCES,
    WIDTHS,
    WORK,
    WRITTEN,
)
from cadyq_cli.engine.program import (
    Act,
    Add,
    Affine,
    Bicubic,
    BorderedConv,
    Concat,
    Conv,
    Curve,
    Decode,
    Multiply,
    Program,
    Shuffle,
    Site,
    Slice,
)
from cadyq_cli.quant.places import PLACES


class Rule(NamedTuple):
    applies_to: Any  # a class of instructions, or several
    fault: str  # what is wrong where it does not hold
    holds: Callable[[Any], bool]


def _odd_up_to(most: int) -> Callable[[int], bool]:
    return lambda size: 1 <= size <= most and size % 2 == 1


def _one_or(count: int, numbers: Any) -> bool:
    return len(numbers) in (1, count)


_small = _odd_up_to(2 * PAD + 1)
_MAPS = (Site, Affine, Act, Curve, Add, Multiply, Concat, Slice, Shuffle, Bicubic)
_LIKE = (Site, Add, Multiply, Concat)
_ENLARGING = (Shuffle, Bicubic)


def _deconvolved(c: ConvFacts) -> bool:
    how, taps = c.conv.deconvolution, c.shape[-1]
    return how is None or (
        taps <= LARGEST_DECONVOLUTION
        and 1 <= how.stride <= LARGEST_FACTOR
        and 0 <= how.padding < taps
        and c.conv.groups == 1
    )


def _slope_fits(c: ConvFacts, name: str) -> bool:
    slope = getattr(c.conv, name)
    if slope is None:
        return True
    values = c.slopes(slope)
    counts = 1, c.outputs, c.outputs // c.conv.shuffle**2
    return values.ndim == 1 and len(values) in counts and bool(np.isfinite(values).all())


def _adds_alike(c: ConvFacts) -> bool:
    if c.conv.add is None:
        return True
    added = c.shapes[c.conv.add]
    same_size = (added.channels, added.factor) == (c.outputs, c.source.factor)
    return c.conv.shuffle == 1 and same_size


def _bordered_alone(c: ConvFacts) -> bool:
    conv = c.conv
    alone = conv.add is None and conv.encode is None and conv.deconvolution is None
    return alone and not conv.gate and conv.out not in c.measured and c.source.factor == 1


def _sliced(f: Facts) -> range:
    return range(f.source.channels)[f.instruction.start : f.instruction.stop]


def _names_channels(f: Facts) -> bool:
    ends = [end for end in (f.instruction.start, f.instruction.stop) if end is not None]
    return all(abs(end) <= f.source.channels for end in ends) and len(_sliced(f)) > 0


# fmt: off
INSTRUCTIONS: tuple[Rule, ...] = (
    Rule((Site, Concat), "reads nothing, or too much",
         lambda f: 1 <= len(f.sources) <= MOST_SOURCES),
    Rule((Add, Multiply), "is not of two maps", lambda f: len(f.sources) == 2),
    Rule(_MAPS, "reads codes where a map is needed", lambda f: not any(s.codes for s in f.sources)),
    Rule(Decode, "reads a map where codes are needed", lambda f: f.source.codes),
    Rule(_LIKE, "reads maps of several sizes", lambda f: len({s.factor for s in f.sources}) == 1),
    Rule((Add, Multiply), "is of maps with different channels",
         lambda f: f.sources[0].channels == f.sources[1].channels),
    Rule((Site, Concat), "has too many channels", lambda f: f.channels <= MOST_CHANNELS),
    Rule(Affine, "has not one number, or one for each channel",
         lambda f: all(_one_or(f.source.channels, v)
                       for v in (f.instruction.scale, f.instruction.offset))),
    Rule(Affine, "has numbers that are not finite",
         lambda f: bool(np.isfinite([*f.instruction.scale, *f.instruction.offset]).all())),
    Rule(Act, "has not one slope, or one for each channel",
         lambda f: (v := f.slopes(f.instruction.slope)).ndim == 1
         and _one_or(f.source.channels, v) and bool(np.isfinite(v).all())),
    Rule(Curve, "follows a curve that nobody knows", lambda f: f.instruction.curve in CURVES),
    Rule(Slice, "names channels that its source lacks", _names_channels),
    Rule(_ENLARGING, "enlarges by too much, or not at all",
         lambda f: 2 <= f.instruction.factor <= LARGEST_FACTOR),
    Rule(Shuffle, "has channels that its factor does not divide",
         lambda f: f.source.channels % f.instruction.factor**2 == 0),
    Rule(Conv, "has weights without the 4 axes of a convolution", lambda c: len(c.shape) == 4),
    Rule(BorderedConv, "has not a kernel for each place", lambda c: len(c.weight) == PLACES),
    Rule(Conv, "has a kernel that is not square", lambda c: c.shape[2] == c.shape[3]),
    Rule(Conv, "has a deconvolution that no convolution equals",
         _deconvolved),
    Rule(Conv, "has groups that do not divide its outputs",
         lambda c: 1 <= c.conv.groups <= c.outputs and c.outputs % c.conv.groups == 0),
    Rule(Conv, "takes other inputs than its source has",
         lambda c: c.inputs == c.source.channels),
    Rule(Conv, f"has a kernel that is even or wider than {2 * PAD + 1}",
         lambda c: _small(c.kernel_size)),
    Rule(Conv, "has too many outputs", lambda c: c.outputs <= MOST_CHANNELS),
    Rule(Conv, "has outputs that its shuffle does not divide",
         lambda c: 1 <= c.conv.shuffle <= LARGEST_FACTOR and c.outputs % c.conv.shuffle**2 == 0),
    Rule(Conv, "has weights that are no codes of 8 bit, though its source is",
         lambda c: not c.source.codes or c.weight.dtype == np.int8),
    Rule(Conv, "has not one step for its weights, or one for each output",
         lambda c: c.step_shape is None or set(c.step_shape) <= {1}
         or c.step_shape == c.step_for_each),
    Rule(BorderedConv, "has not steps for each place",
         lambda c: c.step_shape is None
         or c.arrays[f"{c.conv.module}.weight{STEP_SUFFIX}"].shape[:1] == (PLACES,)),
    Rule(Conv, "has not a bias for each output",
         lambda c: not c.conv.bias or c.per_filter(f"{c.conv.module}.bias") == (c.filters,)),
    Rule(BorderedConv, "has not biases for each place",
         lambda c: not c.conv.bias or len(c.arrays[f"{c.conv.module}.bias"]) == PLACES),
    Rule(Conv, "has statistics of another length than its outputs",
         lambda c: c.conv.norm is None
         or {c.arrays[f"{c.conv.norm.module}.{p}"].shape for p in NORM} == {(c.outputs,)}),
    Rule(Conv, "is normalised by a variance that is not positive",
         lambda c: c.conv.norm is None
         or bool((c.arrays[f"{c.conv.norm.module}.running_var"] + c.conv.norm.epsilon > 0).all())),
    Rule(Conv, "has not one gain and offset, or one for each output",
         lambda c: all(_one_or(c.outputs, v) for v in (c.conv.gain, c.conv.offset))),
    Rule(Conv, "has not one finite slope, or one for each output",
         lambda c: _slope_fits(c, "slope1") and _slope_fits(c, "slope2")),
    Rule(Conv, "follows a curve that nobody knows",
         lambda c: c.conv.curve is None or c.conv.curve in CURVES),
    Rule(Conv, "rounds to a grid that is not fixed",
         lambda c: all(g is None or g.fixed for g in (c.conv.round, c.conv.encode))),
    Rule(Conv, "adds a value of another size", _adds_alike),
    Rule(Conv, "has a gate without a value to add",
         lambda c: not c.conv.gate or c.conv.add is not None),
    Rule(BorderedConv, "has a border, so it makes a plain map of the patch's own size",
         _bordered_alone),
)
# fmt: on


def _within(low: float, numbers: NDArray[Any], high: float) -> bool:
    numbers = numbers.astype(np.float64)  # float16 holds neither end
    return bool(((numbers >= low) & (numbers <= high)).all())


def _inputs(g: GridFacts) -> int:
    return 2 + g.channels  # the gradient's two, and each channel's spread


# fmt: off
GRIDS: tuple[Rule, ...] = (
    Rule(Site, f"has widths outside {WIDTHS[0]}..{WIDTHS[-1]} bit",
         lambda g: bool(g.grid.widths) and all(bits in WIDTHS for bits in g.grid.widths)),
    Rule(Site, "has not a span above 0 for each channel",
         lambda g: not g.grid.spans
         or (g.tensor("span").shape == (g.channels,)
             and _within(BOUNDS[0], g.tensor("span"), BOUNDS[1]))),
    Rule(Site, "has not for each channel what share of its range lies below 0",
         lambda g: not g.grid.offset
         or (g.tensor("zero").shape == (g.channels,) and _within(0, g.tensor("zero"), 1))),
    Rule(Site, "cannot be negative, and has an offset",
         lambda g: not (g.grid.offset and g.grid.unsigned)),
    Rule(Site, f"has codes outside {WIDEST[0]}..{WIDEST[1]}",
         lambda g: all(WIDEST[0] <= low.min() and high.max() <= WIDEST[1] for low, high in g.ends)),
    Rule(Site, "has several widths and nothing to select one",
         lambda g: g.grid.selects or len(g.grid.widths) == 1),
    Rule(Site, "has not a bound for each width",
         lambda g: g.tensor("bounds").shape == (len(g.grid.widths),)),
    Rule(Site, f"has bounds outside {BOUNDS[0]:g}..{BOUNDS[1]:g}",
         lambda g: _within(BOUNDS[0], g.tensor("bounds"), BOUNDS[1])),
    Rule(Site, "has not one faintest strength above 0",
         lambda g: not g.grid.relative
         or (g.tensor("faintest").size == 1
             and _within(BOUNDS[0], g.tensor("faintest"), BOUNDS[1]))),
    Rule(Site, "has a selector of another shape than its inputs and widths",
         lambda g: not g.grid.selects
         or (g.tensor("input_scale").shape, g.tensor("selector.weight").shape,
             g.tensor("selector.bias").shape)
         == ((_inputs(g),), (len(g.grid.widths), _inputs(g)), (len(g.grid.widths),))),
)

WHOLE: tuple[Rule, ...] = (
    Rule(Program, "makes no image of three channels and its scale",
         lambda p: p.shapes[p.program.out] == Shape(3, p.program.scale)),
    Rule(Program, f"has more than {MOST_NUMBERS} weights", lambda p: p.weights <= MOST_NUMBERS),
    Rule(Program, f"takes more than {WORK} products a pixel", lambda p: p.work <= WORK),
    Rule(Program, f"makes more than {WRITTEN} numbers a pixel", lambda p: p.written <= WRITTEN),
    Rule(Program, f"needs more than {MEMORY >> 20} MiB of memory", lambda p: p.memory <= MEMORY),
)

BEFORE: tuple[Rule, ...] = (
    Rule(Program, f"has no instructions, or more than {MOST_INSTRUCTIONS}",
         lambda p: 1 <= len(p.instructions) <= MOST_INSTRUCTIONS),
    Rule(Program, f"has a scale outside 1..{LARGEST_SCALE}",
         lambda p: 1 <= p.scale <= LARGEST_SCALE),
    Rule(Program, "gives its source as it is", lambda p: p.out != p.source),
    Rule(Program, "has two sites of one name",
         lambda p: len(p.candidates) == sum(g.name is not None for g in p.grids)),
)

KINDS_OF_NUMBERS = (np.float16, np.float32, np.float64, np.int8)

TENSORS: tuple[Rule, ...] = (
    Rule(np.ndarray, "holds numbers of a kind that no instruction reads",
         lambda a: a.dtype in KINDS_OF_NUMBERS),
    Rule(np.ndarray, "is empty", lambda a: a.size > 0),
    Rule(np.ndarray, "holds too many numbers", lambda a: a.size <= MOST_NUMBERS),
    Rule(np.ndarray, "holds a number that is not finite",
         lambda a: a.dtype == np.int8 or bool(np.isfinite(a).all())),
)
# fmt: on
