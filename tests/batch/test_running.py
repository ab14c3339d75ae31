from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import Event, Lock

import pytest

from cadyq_cli.batch.attempts import Stopped
from cadyq_cli.batch.jobs import Job
from cadyq_cli.batch.outcome import Outcome
from cadyq_cli.batch.running import run
from cadyq_cli.imaging.tiles import tiles
from cadyq_cli.upscaling import Tracker

TILES = [*tiles(10, 10, 5, 1)]


def jobs(count: int) -> Iterator[Job]:
    return (Job(Path(f"{number}.png"), Path(f"{number}_x4.png"), None) for number in range(count))


def succeed(job: Job, track: Tracker) -> Outcome:
    assert [*track(TILES)] == TILES
    return Outcome(job=job, status="done")


@pytest.mark.parametrize("workers", [1, 3, 50])
def test_every_job_has_one_outcome(workers: int) -> None:
    outcomes = [*run(jobs(20), succeed, workers=workers)]
    assert sorted(outcome.job.source for outcome in outcomes) == sorted(
        job.source for job in jobs(20)
    )


@pytest.mark.parametrize("workers", [1, 3])
def test_a_job_begins_only_when_a_worker_is_free(workers: int) -> None:
    """So that 10,000 of them take no more memory than a few."""
    at_work, most, lock = 0, 0, Lock()

    def convert(job: Job, track: Tracker) -> Outcome:
        nonlocal at_work, most
        with lock:
            at_work += 1
            most = max(most, at_work)
        outcome = succeed(job, track)
        with lock:
            at_work -= 1
        return outcome

    begun: list[Job] = []
    for done, _ in enumerate(run(jobs(30), convert, workers=workers, begin=begun.append)):
        assert len(begun) <= done + workers
    assert most <= workers


def test_jobs_at_work_stop_at_their_next_tile_when_the_iterator_is_closed() -> None:
    stopped: list[Job] = []
    go_on = Event()

    def convert(job: Job, track: Tracker) -> Outcome:
        if job.source.stem == "0":
            return succeed(job, track)
        go_on.wait(timeout=60)
        try:
            list(track(TILES * 1_000_000))
        except Stopped:
            stopped.append(job)
            raise
        return Outcome(job=job, status="done")

    outcomes = run(jobs(9), convert, workers=2)
    assert next(outcomes).job.source.stem == "0"
    go_on.set()
    outcomes.close()
    assert [job.source.stem for job in stopped] == ["1"]


def test_a_defect_is_raised_and_not_swallowed() -> None:
    def convert(job: Job, _: Tracker) -> Outcome:
        raise RuntimeError(job.source.stem)

    with pytest.raises(RuntimeError, match="0"):
        next(run(jobs(1), convert))
