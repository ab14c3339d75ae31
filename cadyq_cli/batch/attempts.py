"""A job done unless that was done before, with whatever comes of it as an outcome."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from cadyq_cli.batch.jobs import Job
from cadyq_cli.batch.outcome import Outcome
from cadyq_cli.errors import CheckpointError, InputError
from cadyq_cli.imaging.files import check_free
from cadyq_cli.imaging.streams import exists
from cadyq_cli.upscaling import Tracker


class Stopped(Exception):  # noqa: N818
    """The batch ends here: no failure of this image."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Attempt:
    """Does one job after another; one that fails never stops the others. Threads may share it."""

    work: Callable[[Job, Tracker], Outcome]
    overwrite: bool = False  # replace results that exist already
    skip_existing: bool = False  # do nothing for them

    def __call__(self, job: Job, track: Tracker = iter) -> Outcome:
        """Do a job. Whatever is wrong with its image becomes a failed outcome.

        Raises:
            CheckpointError, InputError: no job could be done like this.
            Stopped: `track` raised it.
        """
        began = time.perf_counter()
        outcome = Outcome(job=job, status="skipped")
        try:
            if not self._is_done(job):
                outcome = self.work(job, track)
        except (CheckpointError, InputError, Stopped):
            raise
        except Exception as error:  # noqa: BLE001  one image never stops the others
            outcome = Outcome(job=job, status="failed", error=error)
        return replace(outcome, seconds=time.perf_counter() - began)

    def _is_done(self, job: Job) -> bool:
        if not exists(job.target):
            return False
        if not self.skip_existing or job.target.is_dir():
            check_free(job.target, overwrite=self.overwrite, source=job.source)
        return self.skip_existing
