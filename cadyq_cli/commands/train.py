"""`cadyq train`: from photographs to a network that chooses its widths."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from cadyq_cli.commands.options import RUNNING, Device, torch_device
from cadyq_cli.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cadyq_cli.training.loop import Step
    from cadyq_cli.training.recipe import Recipe, Stage

NETWORK = "Network"
LEARNING = "Learning"


def train(
    data: Annotated[
        list[Path], typer.Argument(metavar="DATA...", help="Folders of photographs to learn from.")
    ],
    output: Annotated[
        Path,
        typer.Option(
            "-o", "--output", metavar="RUN", help="Folder of this run. A run in it is resumed."
        ),
    ],
    *,
    backbone: Annotated[
        str,
        typer.Option(
            "-b",
            "--backbone",
            metavar="NAME",
            help="edsr, carn, idn or srresnet.",
            rich_help_panel=NETWORK,
        ),
    ] = "edsr",
    scale: Annotated[
        Literal[2, 3, 4],
        typer.Option(
            "-s", "--scale", help="How many times as wide and as high.", rich_help_panel=NETWORK
        ),
    ] = 4,
    widths: Annotated[
        str,
        typer.Option(
            "--widths",
            metavar="4,6,8",
            help="Bit widths that a patch chooses from, each 2 to 8.",
            rich_help_panel=NETWORK,
        ),
    ] = "4,6,8",
    unsigned: Annotated[
        bool,
        typer.Option(
            "--unsigned/--signed",
            help="Unsigned grids where features cannot be negative, or the paper's signed ones.",
            rich_help_panel=NETWORK,
        ),
    ] = True,
    start: Annotated[
        Path | None,
        typer.Option(
            "--start",
            metavar="FILE",
            help="Weights to start from: ours, or a checkpoint of the authors' code.",
            rich_help_panel=NETWORK,
        ),
    ] = None,
    stages: Annotated[
        str,
        typer.Option(
            "--stages",
            metavar="float,static,dynamic",
            show_default=False,
            help="Which stages to run, in order. \\[default: those after the start's]",
            rich_help_panel=LEARNING,
        ),
    ] = "",
    recipe: Annotated[
        Literal["quick", "paper"],
        typer.Option(
            "--recipe",
            help="Hours on a CPU, or as the paper did on a GPU.",
            rich_help_panel=LEARNING,
        ),
    ] = "quick",
    steps: Annotated[
        int | None,
        typer.Option(
            "--steps",
            min=1,
            metavar="N",
            help="Steps of each stage instead of the recipe's.",
            rich_help_panel=LEARNING,
        ),
    ] = None,
    target_bits: Annotated[
        float | None,
        typer.Option(
            "--target-bits",
            metavar="BITS",
            help="Average width that the bit price is steered to.",
            rich_help_panel=LEARNING,
        ),
    ] = None,
    validate: Annotated[
        Path | None,
        typer.Option(
            "--validate",
            metavar="DIR",
            help="A few images at full size to measure PSNR on as it goes.",
            rich_help_panel=LEARNING,
        ),
    ] = None,
    device: Device = "auto",
    save_every: Annotated[
        int,
        typer.Option(
            "--save-every",
            min=1,
            metavar="N",
            help="Steps between saved states.",
            rich_help_panel=RUNNING,
        ),
    ] = 200,
) -> None:
    """Train a network: float, then static 8 bit, then widths of its own choice.

    Examples:

        cadyq train photos -o runs/edsr --validate Set5
        cadyq train photos -o runs/edsr --start float.safetensors --stages static,dynamic
        cadyq train photos -o runs/edsr        goes on where it was stopped
    """
    from cadyq_cli.engine.allocator import keep_freed_memory
    from cadyq_cli.training.photos import find
    from cadyq_cli.training.run import Plan
    from cadyq_cli.training.run import train as run
    from cadyq_cli.training.validation import Validation

    keep_freed_memory()
    plan = Plan(
        backbone=backbone,
        scale=scale,
        recipes=_recipes(recipe, steps, target_bits),
        stages=_stages(stages, start),
        widths=_widths(widths),
        unsigned=unsigned,
        start=start,
        save_every=save_every,
    )
    where = torch_device(device)
    files = find(data)
    validation = Validation(find([validate]), scale) if validate else None
    try:
        run(plan, files, output, _Bar(), validation=validation, device=where)
    except KeyboardInterrupt:
        typer.echo(f"stopped; the same command goes on from {output}", err=True)
        raise


def _recipes(name: str, steps: int | None, target_bits: float | None) -> Mapping[Stage, Recipe]:
    from dataclasses import replace

    from cadyq_cli.training.recipe import PAPER, QUICK

    changes: dict[str, Any] = {}
    if steps is not None:
        changes["steps"] = steps
    if target_bits is not None:
        changes["target_bits"] = target_bits
    chosen = PAPER if name == "paper" else QUICK
    return {stage: replace(recipe, **changes) for stage, recipe in chosen.items()}


def _widths(text: str) -> tuple[int, ...]:
    try:
        widths = tuple(int(part) for part in text.split(","))
    except ValueError:
        widths = ()
    if not widths or not all(2 <= bits <= 8 for bits in widths):
        raise InputError(f"--widths {text}: give whole numbers from 2 to 8, such as 4,6,8")
    return widths


def _stages(text: str, start: Path | None) -> tuple[Stage, ...]:
    from cadyq_cli.training.recipe import STAGES

    if not text:
        return STAGES if start is None else STAGES[1:]
    chosen = tuple(stage for stage in STAGES if stage in text.split(","))
    if list(chosen) != text.split(","):
        raise InputError(f"--stages {text}: give some of {','.join(STAGES)}, in this order")
    return chosen


class _Bar:
    """A run's progress: a bar for people, a line for each validation."""

    def __init__(self) -> None:
        self._bar: Any = None

    def begin(self, stage: Stage, done: int, steps: int) -> None:
        from tqdm import tqdm

        self._bar = tqdm(total=steps, initial=done, desc=stage, unit="step", disable=None)

    def step(self, step: Step) -> None:
        shown = {"L1": f"{step.truth:.2f}"}
        if step.average_bits is not None:
            shown["bits"] = f"{step.average_bits:.2f}"
        self._bar.set_postfix(shown, refresh=False)
        self._bar.update()

    def validated(self, stage: Stage, step: int, psnr: float, bits: float | None) -> None:
        width = "" if bits is None else f", {bits:.2f} bits"
        self._say(f"{stage}, step {step}: {psnr:.2f} dB{width}")

    def finished(self, stage: Stage, path: Path) -> None:
        self._bar.close()
        self._say(f"{stage}: {path}")

    def _say(self, line: str) -> None:
        from tqdm import tqdm

        with tqdm.external_write_mode():
            typer.echo(line, err=True)
