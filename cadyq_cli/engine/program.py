"""Programs: what a trained network does to one patch, as a list of instructions, without torch.

Instructions pass named values on. A value is a *map* (features in float32) or *codes* (whole
numbers with a step for each channel, as a site gives them). A program holds no weights: it names
tensors of the weights file that it lies in, and `engine.executor` puts both together. In JSON, an
instruction is called a step.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from typing import Any, Literal

from cadyq_cli.engine.typed import made, shown, values
from cadyq_cli.plain_json import check_format, json_object

FORMAT = 1
LONGEST = 1 << 22  # characters of a program

Slope = float | str  # what negative values are multiplied by: a number or a tensor's name
CurveName = Literal["silu", "hardswish", "sigmoid"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """How a site rounds.

    Its tensors are ``MODULE.bounds``, and as its settings ask for them ``MODULE.faintest``,
    ``MODULE.span``, ``MODULE.zero``, ``MODULE.input_scale``, ``MODULE.selector.weight`` and
    ``MODULE.selector.bias``.
    """

    module: str
    widths: tuple[int, ...]
    name: str | None = None  # of a site that counts towards the average width
    unsigned: bool = False
    relative: bool = False  # bounds are multiples of a patch's root mean square, or the faintest
    spans: bool = False  # bounds are multiples of a span for each channel; weights hold the spans
    offset: bool = False  # the range of each channel begins below 0, by the share `zero` of it
    selects: bool = False
    logarithmic: bool = False  # its selector looks at the logarithms of its inputs

    @property
    def divisions(self) -> list[int]:
        """Into how many steps the bound of each width is divided."""
        signed = not self.unsigned and not self.offset
        return [2 ** (bits - signed) - 1 for bits in self.widths]

    @property
    def fixed(self) -> bool:
        """Whether the step is the same for every patch."""
        return not self.selects and not self.relative


@dataclass(frozen=True, slots=True, kw_only=True)
class Norm:
    """Batch normalisation with the statistics of training, in ``MODULE``'s tensors."""

    module: str
    epsilon: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Deconvolution:
    """What makes a transposed convolution of one: it equals a small one and a pixel shuffle."""

    stride: int
    padding: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruction:
    """Makes the value `out`."""

    out: str

    @property
    def reads(self) -> tuple[str, ...]:
        """The values that it needs; none unless its kind says so."""
        return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OneToOne(Instruction):
    source: str

    @property
    def reads(self) -> tuple[str, ...]:
        return (self.source,)


@dataclass(frozen=True, slots=True, kw_only=True)
class ManyToOne(Instruction):
    sources: tuple[str, ...]

    @property
    def reads(self) -> tuple[str, ...]:
        return self.sources


@dataclass(frozen=True, slots=True, kw_only=True)
class Conv(OneToOne):
    """A convolution of codes or of a map that keeps its size, and all that can follow at once.

    In this order: normalise, multiply by `gain` and add `offset` (one number or one for each
    output), `slope1` or the curve, round to the fixed grid `round`, add the value `add`, with
    `gate` multiply by sigmoid(x) - 1/2 of the x that was added to, `slope2`, shuffle pixels, and
    round to codes on the fixed grid `encode`.
    """

    module: str  # tensors MODULE.weight and, if `bias`, MODULE.bias
    bias: bool
    groups: int = 1
    deconvolution: Deconvolution | None = None
    norm: Norm | None = None
    gain: tuple[float, ...] = (1.0,)
    offset: tuple[float, ...] = (0.0,)
    slope1: Slope | None = None
    curve: CurveName | None = None
    round: Grid | None = None
    add: str | None = None
    gate: bool = False
    slope2: Slope | None = None
    shuffle: int = 1
    encode: Grid | None = None

    @property
    def reads(self) -> tuple[str, ...]:
        return (self.source,) if self.add is None else (self.source, self.add)


@dataclass(frozen=True, slots=True, kw_only=True)
class BorderedConv(Conv):
    """One with other kernels along the image's border: its tensors begin with an axis of places.

    See `quant.places`. It makes a map; nothing is added to it, and nobody measures it.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Site(ManyToOne):
    """Chooses a width and rounds maps to codes, one behind the other."""

    grid: Grid


@dataclass(frozen=True, slots=True, kw_only=True)
class Decode(OneToOne):
    """Codes as a map."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Affine(OneToOne):
    """Multiplies by `scale` and adds `offset`: one number or one for each channel."""

    scale: tuple[float, ...] = (1.0,)
    offset: tuple[float, ...] = (0.0,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Act(OneToOne):
    slope: Slope


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve(OneToOne):
    """A smooth activation."""

    curve: CurveName


@dataclass(frozen=True, slots=True, kw_only=True)
class Add(ManyToOne):
    """Of two maps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Multiply(ManyToOne):
    """Two maps by each other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Concat(ManyToOne):
    """The channels of several maps, one behind the other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice(OneToOne):
    """Some channels."""

    start: int | None
    stop: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shuffle(OneToOne):
    """`factor` times as large: a pixel from each group of channels."""

    factor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Bicubic(OneToOne):
    """`factor` times as large, as torch's `interpolate` does it with aligned corners off."""

    factor: int


INSTRUCTIONS: Mapping[str, type[Instruction]] = {
    kind.__name__.lower(): kind
    for kind in (
        Conv,
        BorderedConv,
        Site,
        Decode,
        Affine,
        Act,
        Curve,
        Add,
        Multiply,
        Concat,
        Slice,
        Shuffle,
        Bicubic,
    )
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """What to do, in order. `source` is the patch, RGB in 0..1; `out` is `scale` times as large.

    Raises:
        ValueError: an instruction reads what no earlier one has made, or makes something again.
    """

    scale: int
    source: str
    out: str
    instructions: tuple[Instruction, ...]

    def __post_init__(self) -> None:
        made = {self.source}
        for instruction in self.instructions:
            if missing := set(instruction.reads) - made:
                raise ValueError(f"its program reads {', '.join(sorted(missing))} too early")
            if instruction.out in made:
                raise ValueError(f"its program makes {instruction.out} twice")
            made.add(instruction.out)
        if self.out not in made:
            raise ValueError(f"its program does not make {self.out}")

    @property
    def grids(self) -> Iterator[Grid]:
        """Of all sites, in order."""
        for instruction in self.instructions:
            if isinstance(instruction, Site):
                yield instruction.grid
            elif isinstance(instruction, Conv):
                yield from (
                    grid for grid in (instruction.round, instruction.encode) if grid is not None
                )

    @property
    def candidates(self) -> dict[str, tuple[int, ...]]:
        """The widths that each counted site may have, by its name; empty for a float network."""
        return {grid.name: grid.widths for grid in self.grids if grid.name is not None}

    def to_json(self) -> str:
        entries = {"format": FORMAT, "scale": self.scale, "source": self.source, "out": self.out}
        return json.dumps(entries | {"steps": [_entry(each) for each in self.instructions]})

    @classmethod
    def from_json(cls, text: str) -> Program:
        """Read a program back.

        Raises:
            ValueError: no program, or one of another format.
        """
        entries = json_object(text, LONGEST, "program")
        check_format(entries.pop("format", None), FORMAT, "program")
        try:
            instructions = _instructions(entries.pop("steps", None))
            if "instructions" in entries:
                raise ValueError("a program has no 'instructions'")
            arguments = values(cls, entries | {"instructions": instructions})
        except ValueError as error:
            raise ValueError(f"its program cannot be understood: {error}") from error
        return cls(**arguments)


def _entry(instruction: Instruction) -> dict[str, Any]:
    """An instruction as JSON, without what is as usual."""
    return {"step": type(instruction).__name__.lower()} | _unusual(instruction)


def _unusual(part: Any) -> dict[str, Any]:
    entries: dict[str, Any] = {}
    for field in fields(part):
        value = getattr(part, field.name)
        if field.default is MISSING or value != field.default:
            entries[field.name] = _unusual(value) if is_dataclass(value) else value
    return entries


def _instructions(entries: Any) -> list[Instruction]:
    if not isinstance(entries, list):
        raise ValueError("it has no list of steps")
    return [_instruction(entry) for entry in entries]


def _instruction(entry: Any) -> Instruction:
    if not isinstance(entry, dict):
        raise ValueError(f"{shown(entry)} is no instruction")
    name = entry.pop("step", None)
    if not isinstance(name, str) or name not in INSTRUCTIONS:
        raise ValueError(f"{shown(name)} is no kind of instruction")
    return made(INSTRUCTIONS[name], entry)
