"""Several processes train what one would."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cadyq_cli.commands.app import app
from cadyq_cli.errors import InputError
from cadyq_cli.training.learning.processes import Processes
from cadyq_cli.training.log import table

LAUNCH = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
OPTIONS = (
    *("-s", "2", "--set", "features=8", "--set", "blocks=2", "--no-fuse", "--recipe", "paper-edsr"),
    *("--stages", "static,dynamic", "--steps", "8", "--batch", "4", "--patch", "8"),
    *("--range-steps", "3", "--save-every", "2", "--learning-rate", "1e-3"),
    *("--arithmetic", "float32"),  # elsewhere than in bfloat16 the order of summation hardly tells
)

# The order of summation differs, rounding ties fall as it decides, and attention, which compares
# two nearly equal networks, feels each of them.
TOLERANCES = {"truth": 1e-4, "bit": 1e-4, "gradient": 1e-2, "attention": 2e-2}


def test_two_processes_have_the_loss_curve_of_one_with_the_same_global_batch(
    folder: Path, tmp_path: Path
) -> None:
    arguments = ["train", str(folder), *OPTIONS, "-o"]
    alone = CliRunner().invoke(app, [*arguments, str(tmp_path / "one")])
    assert alone.exit_code == 0, alone.stderr
    done = subprocess.run(
        [sys.executable, *LAUNCH, "-m", "cadyq_cli", *arguments, str(tmp_path / "two")],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[3],
        env={**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""},
    )
    assert done.returncode == 0, done.stderr

    one, two = (table.read(tmp_path / name / "metrics.csv") for name in ("one", "two"))
    assert [row["stage"] for row in two] == ["static"] * 4 + ["dynamic"] * 4
    for ours, theirs in zip(two, one, strict=True):
        assert ours["average_bits"] == theirs["average_bits"]
        for term, tolerance in TOLERANCES.items():
            assert float(ours[term]) == pytest.approx(float(theirs[term]), rel=tolerance)
    checked = [json.loads((tmp_path / n / "photographs.json").read_text()) for n in ("one", "two")]
    assert checked[0] == checked[1]


def test_the_shares_of_all_processes_make_up_the_batch() -> None:
    shares = [Processes(rank, 3).share(12) for rank in range(3)]
    assert [place for share in shares for place in share] == list(range(12))


def test_a_batch_that_cannot_be_shared_evenly_is_refused() -> None:
    with pytest.raises(InputError, match="16 cannot be shared evenly by 3 processes"):
        Processes(0, 3).share(16)
