from __future__ import annotations

from pathlib import Path, PureWindowsPath
from typing import Any

import pytest

from cadyq_cli.commands.batch_progress import BatchProgress


@pytest.mark.parametrize(
    ("folders", "place"),
    [
        ({Path("out/a"), Path("out/b/c")}, "out"),
        ({PureWindowsPath("C:/a")}, r"C:\a"),
        ({PureWindowsPath("C:/a"), PureWindowsPath("D:/b")}, r"C:\a, D:\b"),
    ],
)
def test_the_summary_names_where_results_are(
    capsys: pytest.CaptureFixture[str], folders: Any, place: str
) -> None:
    progress = BatchProgress(2, _folders=dict.fromkeys(sorted(folders)))  # type: ignore[arg-type]
    progress.summarize()
    assert capsys.readouterr().err.rstrip().endswith(f" s: {place}")
