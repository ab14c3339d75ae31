"""What is prepared for a machine with a GPU, on the CPU, without what that machine lacks."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from benchmarks.gpu import LEARNED, Log, trained
from PIL import Image
from tiny_networks import tiny
from typer.testing import CliRunner

from cadyq_cli.commands.app import app
from cadyq_cli.networks import load, save
from cadyq_cli.training.data.photographs import Photographs
from cadyq_cli.training.data.survey import find
from cadyq_cli.training.learning.state import steps_of
from cadyq_cli.training.recipes.plan import Plan, read_plan
from cadyq_cli.training.stages import Resources

PHOTO = Path(__file__).parents[1] / "images" / "photo.png"
SCRIPT = """
import sys
for missing in ("typer", "click", "rich", "tqdm"):
    sys.modules[missing] = None
from benchmarks.gpu import main
sys.exit(main())
"""


@pytest.fixture
def given(tmp_path: Path) -> Path:
    """A photograph, a test set and networks."""
    for name in ("photos", "Set", "networks"):
        (tmp_path / name).mkdir()
    with Image.open(PHOTO) as photo:
        photo.convert("RGB").resize((96, 80)).save(tmp_path / "photos" / "a.png")
        photo.convert("RGB").resize((48, 40)).save(tmp_path / "Set" / "b.png")
    save(tmp_path / "start.safetensors", tiny("span", 2, "float"))
    save(tmp_path / "teacher.safetensors", tiny("span", 2, "float", seed=1))
    save(tmp_path / "networks" / "other.safetensors", tiny("edsr", 2))
    return tmp_path


def test_networks_are_checked_and_one_is_trained_without_what_only_commands_need(
    given: Path,
) -> None:
    places = {"--start": "start.safetensors", "--teacher": "teacher.safetensors"}
    places |= {"--networks": "networks", "--validate": "Set", "-o": "run"}
    options = [text for option, name in places.items() for text in (option, str(given / name))]
    options += ["--minutes", "2", "--steps", "3", "--batch", "2", "--patch", "8"]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, given / "photos", *options, "--device", "cpu", "--eager"],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for check in ("network", "losses", "two steps", "upscale and eval", "speed"):
        assert f"start, {check}: " in done.stdout
        assert f"other, {check}: " in done.stdout
    assert "Set: " in done.stdout.splitlines()[-1]
    assert (given / "run" / "gpu.log").read_text("utf-8") == done.stdout

    run, before = given / "run", load(given / "start.safetensors")
    after = load(run / "float.safetensors")
    assert after.card.settings == before.card.settings
    assert not torch.equal(*(n.backbone.state_dict()["tail.bias"] for n in (before, after)))
    assert steps_of(run / "float.state") == 3
    more = CliRunner().invoke(
        app, ["train", str(given / "photos"), "-o", str(run), "--steps", "5", "-q"]
    )
    assert more.exit_code == 0, more.stderr
    assert steps_of(run / "float.state") == 5


def _plan(folder: Path) -> Plan:
    told: dict[str, Any] = {"backbone": "span", "scale": 2, "start": folder / "start.safetensors"}
    told |= {"batch": 2, "patch": 8, "distill_last": 0.0, "distill_blocks": 0.0}
    return read_plan("quick").with_changes(LEARNED | told)


def test_weights_and_state_are_there_when_the_time_is_over(given: Path) -> None:
    run = given / "run"
    run.mkdir()
    log = Log(run / "gpu.log")
    resources = Resources(files=find([given / "photos"]), photographs=Photographs())
    for share in (0.0, 3.0):
        until = time.monotonic() + share
        weights = trained(_plan(given), run, resources, log, until=until, most=None)
        assert time.monotonic() < until + 30
        assert load(weights).card.backbone == "span"
    log_text = (run / "gpu.log").read_text("utf-8")
    assert "stopped after" in log_text
    assert steps_of(run / "float.state") > 2
