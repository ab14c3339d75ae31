"""`cadyq train`: from photographs to a network that chooses its bit widths."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from cadyq_cli.commands.flags import with_flags
from cadyq_cli.commands.options.command import command_of
from cadyq_cli.commands.options.settings import COMMON, changes_of, setting_flags
from cadyq_cli.commands.options.shared import Telling
from cadyq_cli.commands.options.train import Extra, Photographs, Run, Running
from cadyq_cli.errors import InputError
from cadyq_cli.escaping import escaped

if TYPE_CHECKING:
    import torch

    from cadyq_cli.training.loop import Step
    from cadyq_cli.training.plan import Plan, Stage
    from cadyq_cli.training.processes import Processes
    from cadyq_cli.training.recipe import Recipe
    from cadyq_cli.training.run import Resources
    from cadyq_cli.training.survey import Survey
    from cadyq_cli.training.validation import Validation


def learn(
    context: typer.Context,
    photographs: Photographs,
    kept: Run,
    running: Running,
    telling: Telling,
    extra: Extra,
    **changes: Any,
) -> None:
    """Train a network: float, then static 8 bit, then widths of its own choice.

    Examples:

        cadyq train photos -o runs/edsr --validate Set5
        cadyq train photos -o runs/edsr         continues where it stopped
        cadyq train photos -o runs/x --recipe paper-carn --dry-run
        cadyq train photos -o runs/x2 -s 2 --start x4.safetensors
        torchrun --nproc-per-node 4 -m cadyq_cli train photos -o runs/edsr
    """
    output, dry_run = kept.output, kept.dry_run
    plan, notes = _plan(output, kept.recipe, changes_of(changes, extra.settings or []))

    import torch

    from cadyq_cli.engine.allocator import keep_freed_memory
    from cadyq_cli.training.lock import alone_in
    from cadyq_cli.training.processes import count_started, together
    from cadyq_cli.training.run import train as run
    from cadyq_cli.training.run_folder import RunFolder, stages_left
    from cadyq_cli.training.survey import find
    from cadyq_cli.training.teachers import given_teacher
    from cadyq_cli.training.validation import Validation

    if dry_run and count_started() > 1:
        raise InputError("`dry_run` needs one process; start it without torchrun")
    keep_freed_memory()
    folder = RunFolder(output)
    left = stages_left(plan, folder)
    given_teacher(plan, left, torch.device("cpu"))  # refused before the photographs are checked
    files = find(photographs.data)
    validation = Validation(find([kept.validate]), plan.scale) if kept.validate else None
    with (
        together(running.torch_device) as (processes, where),
        closing(_reports(context, processes, telling)) as progress,
        ExitStack() as held,
    ):
        for note in notes:
            progress.note(f"changed: {note}")
        if processes.leads and not dry_run:
            folder.make()
            held.enter_context(alone_in(output))
        resources = _resources(plan, files, kept, running, validation, processes, where, progress)
        if dry_run:
            _foretell(plan, left, resources, progress)
            return
        try:
            run(plan, output, resources, progress)
        except KeyboardInterrupt:
            progress.note(f"stopped; the same command continues from {output}")
            raise


def _reports(context: typer.Context, processes: Processes, telling: Telling) -> Any:
    """What tells how a run goes."""
    return _Progress(context.command) if processes.leads and not telling.quiet else _Silence()


def _resources(
    plan: Plan,
    files: Sequence[Path],
    kept: Run,
    running: Running,
    validation: Validation | None,
    processes: Processes,
    device: torch.device,
    progress: Any,
) -> Resources:
    """What a run learns from and with; the first process checks the photographs for all."""
    from cadyq_cli.training.pairs import Pairs
    from cadyq_cli.training.run import Resources
    from cadyq_cli.training.run_folder import RunFolder
    from cadyq_cli.training.store import Store

    share = running.memory * 2**30 / processes.beside
    pairs = Pairs(Store(share, None if kept.dry_run else kept.output))
    remembered = RunFolder(kept.output).photographs
    found = _survey(plan, files, pairs, remembered, progress) if processes.leads else None
    return Resources(
        photographs=processes.broadcast(found.usable if found else None),
        pairs=pairs,
        validation=validation,
        device=device,
        processes=processes,
        workers=running.workers,
        accepted=lambda: found.remember(remembered) if found else None,
    )


def _plan(output: Path, recipe: str | None, changes: dict[str, Any]) -> tuple[Plan, list[str]]:
    """The given recipe, else that of the run, else the quick one, with what flags change.

    With the quick one a network stays what its start is, unless flags say otherwise.

    Beside it, how it differs from what the run was begun with, a line each.
    """
    from cadyq_cli.training.plan import RECIPE_FILE, read_plan

    for name in ("start", "teacher"):
        if name in changes:
            changes[name] = changes[name].resolve()
    begun = output / RECIPE_FILE
    before = read_plan(str(begun)) if begun.is_file() else None
    if before is None and recipe is None and "start" in changes:
        changes = _kind_of(changes["start"]) | changes
    base = before if before is not None and recipe is None else read_plan(recipe or "quick")
    plan = base.with_changes(changes)
    if before is None:
        return plan, []
    from cadyq_cli.training.run_folder import RunFolder, keeping_finished

    return keeping_finished(plan, before, RunFolder(output)).continuing(before, changes)


def _kind_of(start: Path) -> dict[str, Any]:
    """The settings that a start tells, if it is a file of ours."""
    from cadyq_cli.checkpoint.stored import is_ours, read_card

    if not is_ours(start):
        return {}
    card = read_card(start)
    return {"backbone": card.backbone, "scale": card.scale}


def _survey(
    plan: Plan, files: Sequence[Path], pairs: Any, remembered: Path, progress: Any
) -> Survey:
    """Check the photographs, and report what was found."""
    from tqdm import tqdm

    from cadyq_cli.training.survey import survey

    patch = max(plan.recipes[stage].patch for stage in plan.stages or plan.recipes)
    found = survey(
        files,
        smallest=patch * max(plan.all_scales),
        remembered=remembered,
        look=lambda file: pairs.check(file, plan.all_scales),
        track=lambda files: tqdm(
            files, "checking", unit="image", disable=progress.hidden, leave=False
        ),
    )
    for line in found.broken:
        progress.note(f"left out: {line}")
    small = f"; {found.too_small} too small, left out" if found.too_small else ""
    progress.note(f"{len(found.usable)} images, {found.pixels / 1e6:.1f} megapixels{small}")
    if found.changed:
        progress.note(
            "the photographs have changed since this run began, so it will not match an"
            " uninterrupted one"
        )
    return found


def _foretell(plan: Plan, left: Sequence[Stage], resources: Resources, progress: Any) -> None:
    """Print what a run would do in the stages that are left."""
    from cadyq_cli.training.estimate import seconds_a_step
    from cadyq_cli.training.stages import first

    network = first(plan, resources.device, progress.note)
    weights = sum(parameter.numel() for parameter in network.parameters())
    typer.echo(f"{plan.backbone} x{plan.scale}, {weights / 1e3:,.0f} thousand weights")
    progress.note("timing a few steps of each stage ..." if left else "all stages are done")
    total = 0.0
    for stage, seconds in seconds_a_step(plan, left, network, resources):
        chosen = plan.recipes[stage]
        total += chosen.steps * seconds
        typer.echo(
            f"{stage:<8} {chosen.steps:>8,} steps of {chosen.batch} crops of {chosen.patch} px"
            f" at {seconds:.2f} s: {_duration(chosen.steps * seconds)}"
        )
    typer.echo(f"in all {_duration(total)} on {resources.device}, if it stays as busy as now")
    typer.echo(f"\n{plan.to_toml()}", nl=False)


def _duration(seconds: float) -> str:
    return f"{seconds / 3600:.1f} hours" if seconds > 3600 else f"{seconds / 60:.0f} minutes"


def _say(line: str) -> None:
    from tqdm import tqdm

    with tqdm.external_write_mode():
        typer.echo(escaped(line), err=True)


class _Progress:
    """A run's progress: a bar on a terminal, else a line for each state; one for a validation."""

    hidden = None  # bars are, unless there is a terminal

    def __init__(self, command: Any) -> None:
        self._command = command  # notes name its flags
        self._bar: Any = None
        self._batch = self._steps = 0
        self._shown: dict[str, str] = {}

    def begin(self, stage: Stage, done: int, recipe: Recipe) -> None:
        from tqdm import tqdm

        self._batch, self._steps, self._shown = recipe.batch, recipe.steps, {}
        self._bar = tqdm(
            total=recipe.steps,
            initial=done,
            desc=stage,
            unit="step",
            disable=None,
            smoothing=0.05,
            dynamic_ncols=True,
        )

    def step(self, step: Step) -> None:
        self._shown["loss"] = f"{step.truth:.2f}"
        if step.average_bits is not None:
            self._shown["bits"] = f"{step.average_bits:.2f}"
        if rate := self._bar.format_dict["rate"]:
            self._shown["images/s"] = f"{rate * self._batch:.0f}"
        self._bar.set_postfix(self._shown, refresh=False)
        self._bar.update()

    def saved(self, stage: Stage, step: int) -> None:
        if self._bar.disable:
            shown = ", ".join(
                f"{name} {self._shown[name]}" for name in ("loss", "bits") if name in self._shown
            )
            _say(f"{stage}, step {step} of {self._steps}: {shown}")

    def validated(self, stage: Stage, step: int, psnr: float, bits: float | None) -> None:
        self._shown["dB"] = f"{psnr:.2f}"
        width = "" if bits is None else f", {bits:.2f} bits"
        _say(f"{stage}, step {step}: {psnr:.2f} dB{width}")

    def finished(self, stage: str, path: Path) -> None:
        self.close()
        _say(f"{stage}: {path}")

    def note(self, text: str) -> None:
        _say(with_flags(text, self._command))

    def close(self) -> None:
        if self._bar is not None and not self._bar.disable:
            self._bar.close()


class _Silence:
    """What processes other than the first say, and the first if it is to be quiet."""

    hidden = True

    def begin(self, stage: Stage, done: int, recipe: Recipe) -> None: ...
    def step(self, step: Step) -> None: ...
    def saved(self, stage: Stage, step: int) -> None: ...
    def validated(self, stage: Stage, step: int, psnr: float, bits: float | None) -> None: ...
    def finished(self, stage: str, path: Path) -> None: ...
    def note(self, text: str) -> None: ...
    def close(self) -> None: ...


train = command_of(learn, *setting_flags(), common=COMMON)
