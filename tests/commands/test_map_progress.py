from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from cadyq_cli.batch.drawing import MapOutcome
from cadyq_cli.batch.jobs import Job
from cadyq_cli.batch.outcome import Outcome
from cadyq_cli.bitmaps.numbers import BitMap
from cadyq_cli.commands.map_progress import MapProgress

JOB = Job(Path("a.png"), Path("a_bits.png"), None)
MAP = BitMap(
    file="a.png",
    size=(9, 13),
    model="tiny",
    scale=2,
    widths=(4, 8),
    rectangles=np.array([[0, 0, 13, 9]]),
    bits={"block1.1": np.array([4], np.uint8)},
)


def test_numbers_are_printed_while_the_bars_are_aside(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    @contextmanager
    def bars_aside(_: MapProgress) -> Iterator[None]:
        print("bars off")  # noqa: T201
        yield
        print("bars on")  # noqa: T201

    monkeypatch.setattr(MapProgress, "_bars_aside", bars_aside)
    progress = MapProgress(2, numbers=True)
    progress.tell(MapOutcome(job=JOB, status="done", maps=(MAP, MAP)))
    line = MAP.to_json()
    assert capsys.readouterr().out.splitlines() == ["bars off", line, line, "bars on"]


@pytest.mark.parametrize(("total", "line"), [(1, "a_bits.png: exists already, skipped\n"), (2, "")])
def test_of_several_images_those_skipped_are_only_counted(
    total: int, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    progress = MapProgress(total, numbers=True)
    progress.tell(Outcome(job=JOB, status="skipped"))
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", line)
    assert progress.counts["skipped"] == 1
