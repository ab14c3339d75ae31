"""Runs a batch to its end, and tells how it goes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from cadyq_cli.batch.jobs import Job
    from cadyq_cli.batch.outcome import Outcome
    from cadyq_cli.commands.batch_progress import BatchProgress
    from cadyq_cli.upscaling import Tracker


def run_batch(
    planned: Sequence[Job],
    work: Callable[[Job, Tracker], Outcome],
    progress: BatchProgress,
    *,
    workers: int,
    prepare: Callable[[], object],
    fail_fast: bool,
) -> None:
    """Do the jobs; arguments as for `batch.running.run`.

    Raises:
        CadyqError: the only job failed.
        typer.Exit: some of several failed.
        KeyboardInterrupt: the user has had enough.
    """
    from cadyq_cli.batch.running import run
    from cadyq_cli.imaging.atomic import remove_leftovers

    for folder in {job.target.parent for job in planned}:
        remove_leftovers(folder)
    outcomes = run(
        planned,
        work,
        workers=workers,
        track=progress.track,
        begin=progress.begin,
        prepare=prepare,
    )
    try:
        with progress, closing(outcomes):
            for outcome in outcomes:
                if outcome.error and len(planned) == 1 and not progress.json:
                    raise outcome.error
                progress.tell(outcome)
                if fail_fast and outcome.error:
                    break
    except KeyboardInterrupt:
        if progress.left:
            typer.echo(f"{progress.left} of {len(planned)} images are left to do", err=True)
            typer.echo("the same command with --skip-existing goes on from here", err=True)
        raise
    progress.summarize()
    if progress.counts["failed"]:
        raise typer.Exit(1)


def tell_of_results(images: Sequence[Path], *, quiet: bool) -> None:
    """Say that images are left out, as they are other ones' results."""
    if images and not quiet:
        more = f" and {len(images) - 1} more" if len(images) > 1 else ""
        typer.echo(f"note: {images[0]}{more} left out, results of other images", err=True)
