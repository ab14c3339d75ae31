"""Plans a batch, runs it to its end, and reports how it goes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from cadyq_cli.commands.lines import tell
from cadyq_cli.errors import InputError

if TYPE_CHECKING:
    from cadyq_cli.batch.jobs import Job, Naming
    from cadyq_cli.batch.outcome import Outcome
    from cadyq_cli.commands.batch_progress import BatchProgress
    from cadyq_cli.commands.options.shared import Files
    from cadyq_cli.upscaling import Tracker


def plan_batch(
    sources: Sequence[Path], naming: Naming, files: Files, *, quiet: bool
) -> Sequence[Job]:
    """As `batch.jobs.plan`; where an earlier run is resumed, its results are left out, and told.

    Raises:
        InputError, FileError: see there.
    """
    from cadyq_cli.batch.jobs import plan
    from cadyq_cli.imaging.left_out import told

    results: list[Path] = []
    leave_out = results.append if files.overwrite or files.skip_existing else None
    others: list[Path] = []
    jobs = plan(
        sources,
        naming,
        recursive=files.recursive,
        leave_out=leave_out,
        cannot_read=others.append,
    )
    if others and not quiet:
        tell(f"note: {told(others)}")
    if results and not quiet:
        more = f" and {len(results) - 1} more" if len(results) > 1 else ""
        tell(f"note: {results[0]}{more} left out, results of other images")
    return jobs


def run_batch(
    planned: Sequence[Job],
    work: Callable[[Job, Tracker], Outcome],
    files: Files,
    progress: BatchProgress,
    *,
    workers: int,
    prepare: Callable[[], object] | None = None,
) -> None:
    """Do the jobs, those that `files` leaves to do; arguments as for `batch.running.run`.

    Raises:
        CadyqError: the only job failed.
        typer.Exit: some of several failed.
        KeyboardInterrupt: the user interrupted it.
    """
    from cadyq_cli.atomic import remove_leftovers
    from cadyq_cli.batch.attempts import Attempt
    from cadyq_cli.batch.running import run

    for folder in {job.target.parent for job in planned}:
        remove_leftovers(folder)
    outcomes = run(
        planned,
        Attempt(work=work, overwrite=files.overwrite, skip_existing=files.skip_existing),
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
                if files.fail_fast and outcome.error:
                    break
    except KeyboardInterrupt:
        if progress.left:
            tell(f"{progress.left} of {len(planned)} images are left to do")
            tell("the same command with --skip-existing continues from here")
        raise
    progress.summarize()
    if progress.counts["failed"]:
        raise typer.Exit(1)


def check_standard_output(planned: Sequence[Job], *, also: Mapping[str, bool]) -> None:
    """Raise if standard output cannot take a result.

    Args:
        planned: The jobs.
        also: Settings that need standard output for themselves, and whether they are given.

    Raises:
        InputError: such an option is given, or standard output is a terminal.
    """
    from cadyq_cli.imaging.streams import STREAM

    if all(job.target != STREAM for job in planned):
        return
    for option, given in also.items():
        if given:
            raise InputError(f"standard output takes the result alone, without `{option}`")
    if sys.stdout.isatty():
        raise InputError("standard output is a terminal; name a file with `output`")
