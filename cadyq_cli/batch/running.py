"""Runs jobs, side by side if wanted, in memory that does not grow with their number."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from threading import Event
from typing import TypeVar

from cadyq_cli.batch.attempts import Stopped
from cadyq_cli.batch.jobs import Job
from cadyq_cli.imaging.tiles import Tile
from cadyq_cli.upscaling import Tracker

T = TypeVar("T")

_LOOK_UP = 0.5  # seconds; Windows lets no Ctrl-C through while a thread waits


def run(
    jobs: Iterable[Job],
    convert: Callable[[Job, Tracker], T],
    *,
    workers: int = 1,
    track: Tracker = iter,
    begin: Callable[[Job], object] = lambda _: None,
    prepare: Callable[[], object] | None = None,
) -> Generator[T, None, None]:
    """Yield the result of each job as it ends.

    When the iterator is closed, or left by an exception, running jobs stop after their current
    tile, without an outcome; `convert` makes sure that nothing of them remains.

    Args:
        jobs: What to do; no more are begun at a time than there are workers.
        convert: Does one job, in a thread of its own. Its tracker tells it when to stop.
        workers: How many jobs run at a time.
        track: Yields the tiles it is given to `convert`, as a progress bar does.
        begin: Called with each job as it begins, in the job's thread.
        prepare: Called once in each thread.
    """
    stop = Event()

    def watched(tiles: Sequence[Tile]) -> Iterator[Tile]:
        for tile in track(tiles):
            if stop.is_set():
                raise Stopped
            yield tile

    def work(job: Job) -> T:
        begin(job)
        return convert(job, watched)

    waiting = iter(jobs)
    with ThreadPoolExecutor(workers, initializer=prepare) as pool:
        running = {pool.submit(work, job) for job in islice(waiting, workers)}
        try:
            while running:
                done, running = wait(running, _LOOK_UP, FIRST_COMPLETED)
                yield from _results(done)
                running |= {pool.submit(work, job) for job in islice(waiting, len(done))}
        finally:
            stop.set()


def _results(futures: Iterable[Future[T]]) -> Iterator[T]:
    return (future.result() for future in futures)
