from __future__ import annotations

import os
from pathlib import Path

import pytest

from cadyq_cli.batch.attempts import Attempt, Stopped
from cadyq_cli.batch.jobs import Job
from cadyq_cli.batch.outcome import Outcome
from cadyq_cli.errors import CheckpointError, InputError
from cadyq_cli.imaging.streams import STREAM
from cadyq_cli.upscaling import Tracker


def succeed(job: Job, _: Tracker) -> Outcome:
    return Outcome(job=job, status="done")


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job(tmp_path / "a.png", tmp_path / "a_x4.png", None)


def test_a_result_that_exists_is_refused_skipped_or_replaced(job: Job) -> None:
    assert Attempt(work=succeed)(job).status == "done"
    job.target.touch()
    refused = Attempt(work=succeed)(job)
    assert refused.status == "failed"
    assert refused.message == f"{job.target}: exists already; `overwrite` replaces it"
    assert Attempt(work=succeed, skip_existing=True)(job).status == "skipped"
    assert Attempt(work=succeed, overwrite=True)(job).status == "done"


def test_a_folder_in_the_place_of_a_result_is_no_result(job: Job) -> None:
    job.target.mkdir()
    for attempt in (Attempt(work=succeed, skip_existing=True), Attempt(work=succeed)):
        assert attempt(job).status == "failed"


def test_standard_output_is_never_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("-").touch()
    job = Job(STREAM, STREAM, None)
    assert Attempt(work=succeed, skip_existing=True)(job).status == "done"


@pytest.mark.skipif(os.name == "nt", reason="such a name is of no file there")
def test_a_name_that_no_file_can_have_fails_in_words(tmp_path: Path) -> None:
    job = Job(tmp_path / "a.png", tmp_path / f"{'x' * 300}.png", None)
    for attempt in (Attempt(work=succeed), Attempt(work=succeed, skip_existing=True)):
        assert attempt(job).message == f"{job.target}: cannot be written: File name too long"


def test_a_defect_is_the_image_s_own_failure(job: Job) -> None:
    def fail(_: Job, __: Tracker) -> Outcome:
        raise RuntimeError("oh")

    outcome = Attempt(work=fail)(job)
    assert outcome.status == "failed"
    assert outcome.message == f"{job.source}: failed unexpectedly, RuntimeError: oh"


@pytest.mark.parametrize(
    "error", [InputError("no"), CheckpointError("w", "no"), Stopped(), KeyboardInterrupt()]
)
def test_what_would_stop_every_job_is_raised(job: Job, error: BaseException) -> None:
    def fail(_: Job, __: Tracker) -> Outcome:
        raise error

    with pytest.raises(type(error)):
        Attempt(work=fail)(job)
