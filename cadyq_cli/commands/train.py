"""`cadyq train`: from photographs to a network that chooses its bit widths."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from cadyq_cli.commands.options.command import command_of
from cadyq_cli.commands.options.settings import COMMON, changes_of, setting_flags
from cadyq_cli.commands.options.shared import Telling
from cadyq_cli.commands.options.train import Extra, Kept, Learned, Running
from cadyq_cli.commands.training_progress import Progress, Silence
from cadyq_cli.errors import InputError
from cadyq_cli.needing_torch import require_torch

if TYPE_CHECKING:
    from cadyq_cli.networks.card import Card
    from cadyq_cli.training.data.photographs import Photographs
    from cadyq_cli.training.data.survey import Survey
    from cadyq_cli.training.log.validation import Validation
    from cadyq_cli.training.recipes.plan import Plan
    from cadyq_cli.training.run import Run
    from cadyq_cli.training.stages import Resources
    from cadyq_cli.training.starts.given import Given


_OF_LAYERS = ("widths", "unsigned", "relative", "logarithmic")


def learn(
    context: typer.Context,
    learned: Learned,
    kept: Kept,
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
    require_torch("`cadyq train`")
    output, dry_run = kept.output, kept.dry_run
    run, notes = _opened(output, kept.recipe, changes_of(changes, extra.settings or []))

    from cadyq_cli.commands.recorded import recorded_command
    from cadyq_cli.engine.allocator import keep_freed_memory
    from cadyq_cli.training.data.photographs import Photographs
    from cadyq_cli.training.data.store import Store
    from cadyq_cli.training.data.survey import find
    from cadyq_cli.training.learning.processes import count_started, together
    from cadyq_cli.training.stages import Resources

    if dry_run and count_started() > 1:
        raise InputError("`dry_run` needs one process; start it without torchrun")
    keep_freed_memory()
    others: list[Path] = []
    files = find(learned.data, cannot_read=others.append)
    validation = _validation(kept.validate, run.plan)
    with together(running.torch_device) as (processes, where), ExitStack() as held:
        loud = processes.leads and not telling.quiet
        progress = held.enter_context(closing(Progress(context.command) if loud else Silence()))
        for note in notes:
            progress.note(f"changed: {note}")
        share = running.memory * 2**30 / processes.beside
        photographs = Photographs(Store(share, None if dry_run else output))
        if processes.leads and not dry_run:
            held.enter_context(run.folder.alone())
        found = _survey(run, files, photographs, progress, others) if processes.leads else None
        resources = Resources(
            files=processes.broadcast(found.usable if found else None),
            photographs=photographs,
            validation=validation,
            device=where,
            processes=processes,
            workers=running.workers,
            accepted=lambda: found.remember(run.folder.photographs) if found else None,
            command=recorded_command,
        )
        (_foretell if dry_run else _follow)(run, resources, progress)


def _opened(output: Path, recipe: str | None, changes: dict[str, Any]) -> tuple[Run, list[str]]:
    """The run that is asked for, and how it differs from what it was begun with, a line each."""

    @cache
    def read(path: Path) -> Given:
        from cadyq_cli.training.starts.given import Given

        return Given.read(path)

    plan, notes = _plan(output, recipe, changes, read)

    from cadyq_cli.training.run import Run

    return Run.open(plan, output, read=read), notes


def _plan(
    output: Path, recipe: str | None, changes: dict[str, Any], read: Callable[[Path], Given]
) -> tuple[Plan, list[str]]:
    """The given recipe, else that of the run, else the quick one, with what flags change.

    With the quick one a network stays what its start is, unless flags say otherwise.

    Beside it, how it differs from what the run was begun with, a line each.
    """
    from cadyq_cli.training.recipes.plan import RECIPE_FILE, read_plan

    for name in ("start", "teacher"):
        if name in changes:
            changes[name] = changes[name].resolve()
    begun = output / RECIPE_FILE
    before = read_plan(str(begun)) if begun.is_file() else None
    if before is None and recipe is None and "start" in changes:
        card = read(changes["start"]).card
        changes = (_as_it_is(card) if card else {}) | changes
    base = before if before is not None and recipe is None else read_plan(recipe or "quick")
    plan = base.with_changes(changes)
    if before is None:
        return plan, []
    from cadyq_cli.training.folder import RunFolder, keeping_finished

    return keeping_finished(plan, before, RunFolder(output)).continuing(before, changes)


def _as_it_is(card: Card) -> dict[str, Any]:
    """The settings of a plan by which a network stays what it is."""
    kept = {name: card.layers[name] for name in _OF_LAYERS if name in card.layers}
    if "widths" in kept:
        kept["widths"] = tuple(kept["widths"])
    return {"backbone": card.backbone, "scale": card.scale} | kept


def _validation(folder: Path | None, plan: Plan) -> Validation | None:
    if folder is None:
        return None

    from cadyq_cli.training.data.survey import find
    from cadyq_cli.training.log.validation import Validation

    return Validation(find([folder]), plan.scale, plan.degradation)


def _survey(
    run: Run, files: Sequence[Path], photographs: Photographs, progress: Any, others: list[Path]
) -> Survey:
    """Check the photographs, and report what was found, and which others cannot be read."""
    from tqdm import tqdm

    from cadyq_cli.imaging.left_out import told
    from cadyq_cli.training.data.survey import survey

    plan = run.plan
    patch = max(plan.recipes[stage].patch for stage in plan.stages)
    found = survey(
        files,
        smallest=patch * max(plan.all_scales),
        remembered=run.folder.photographs,
        look=lambda file: photographs.check(file, plan.all_scales),
        track=lambda files: tqdm(
            files, "checking", unit="image", disable=progress.hidden, leave=False
        ),
    )
    if others:
        progress.note(told(others))
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


def _follow(run: Run, resources: Resources, progress: Any) -> None:
    """Train, and say how to go on after an interruption."""
    try:
        run.train(resources, progress)
    except KeyboardInterrupt:
        progress.note(f"stopped; the same command continues from {run.folder.path}")
        raise


def _foretell(run: Run, resources: Resources, progress: Any) -> None:
    """Print what a run would do in the stages that are left."""
    plan = run.plan
    weights = sum(parameter.numel() for parameter in run.start.network.parameters())
    typer.echo(f"{plan.backbone} x{plan.scale}, {weights / 1e3:,.0f} thousand weights")
    progress.note("timing a few steps of each stage ..." if run.left else "all stages are done")
    total = 0.0
    for stage, seconds in run.estimate(resources, progress):
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


train = command_of(learn, *setting_flags(), common=COMMON)
