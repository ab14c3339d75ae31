"""Several processes train what one would."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cadyq_cli.errors import InputError
from cadyq_cli.training import metrics
from cadyq_cli.training.processes import Processes

LAUNCH = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")


def _run(folder: Path, output: Path, *launch: str) -> None:
    command = [sys.executable, *launch, "-m", "cadyq_cli", "train", str(folder), "-o", str(output)]
    options = ["-s", "2", "--set", "features=8", "--set", "blocks=2", "--steps", "12"]
    options += ["--batch", "4", "--patch", "8", "--range-steps", "3", "--save-every", "4"]
    options += ["--learning-rate", "1e-3", "--no-fuse", "--recipe", "paper-edsr"]
    done = subprocess.run(
        [*command, *options],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""},
    )
    assert done.returncode == 0, done.stderr


def test_two_processes_have_the_loss_curve_of_one_with_the_same_global_batch(
    folder: Path, tmp_path: Path
) -> None:
    _run(folder, tmp_path / "one")
    _run(folder, tmp_path / "two", *LAUNCH)
    one, two = (metrics.read(tmp_path / name / "metrics.csv") for name in ("one", "two"))
    assert [row["stage"] for row in two] == ["float"] * 3 + ["static"] * 3 + ["dynamic"] * 3
    for ours, theirs in zip(two, one, strict=True):
        assert ours["average_bits"] == theirs["average_bits"]
        for term in ("truth", "attention", "bit", "gradient"):
            # The order of summation differs, and rounding ties fall as it decides.
            assert float(ours[term]) == pytest.approx(float(theirs[term]), rel=2e-3, abs=1e-5)
    checked = [json.loads((tmp_path / n / "photographs.json").read_text()) for n in ("one", "two")]
    assert checked[0] == checked[1]


def test_the_shares_of_all_processes_make_up_the_batch() -> None:
    shares = [Processes(rank, 3).share(12) for rank in range(3)]
    assert [place for share in shares for place in share] == list(range(12))


def test_a_batch_that_cannot_be_shared_evenly_is_refused() -> None:
    with pytest.raises(InputError, match="16 cannot be shared evenly by 3 processes"):
        Processes(0, 3).share(16)
