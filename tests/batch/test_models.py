from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from cadyq_cli.batch.models import Models


def test_threads_share_networks_that_are_opened_once_when_needed() -> None:
    opened: list[Path] = []

    def open_file(path: Path) -> Any:
        opened.append(path)
        time.sleep(0.05)  # so that all threads wait for it
        return path.stem

    models = Models({2: Path("two.net"), 4: Path("four.net")}, open_file)
    assert not opened
    with ThreadPoolExecutor(4) as pool:
        found: list[Any] = [*pool.map(models.network, [4] * 8)]
    assert found == ["four"] * 8
    assert opened == [Path("four.net")]
    assert (models.scales, models.name(2)) == ((2, 4), "two")
