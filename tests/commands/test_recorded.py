from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from cadyq_cli.commands.app import app
from cadyq_cli.commands.recorded import recorded_command
from cadyq_cli.training.recipes.plan import StageName, read_plan


@pytest.mark.parametrize("stage", ["float", "static", "dynamic"])
def test_the_recorded_command_says_all_that_differs_from_the_usual_recipe(stage: StageName) -> None:
    plan = read_plan("quick")
    assert recorded_command(plan, stage) == f"cadyq train DATA -o RUN --stages {stage}"
    own = replace(plan.recipes[stage], kernel_rate=3e-4, sizes=(1, 0.5), freeze_norms=True)
    other = replace(plan, scale=3, recipes={**plan.recipes, stage: own}, unsigned=not plan.unsigned)
    command = recorded_command(other, stage)
    unsigned = "--signed" if plan.unsigned else "--unsigned"
    flags = command.removeprefix(f"cadyq train DATA -o RUN --stages {stage} ")
    assert flags == f"--scale 3 {unsigned} --sizes 1,0.5 --kernel-rate 0.0003 --freeze-norms"


def test_a_recorded_command_can_be_given_again(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    folder = tmp_path / "photos"
    folder.mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    for name in "abcd":
        Image.fromarray(pixels).save(folder / f"{name}.png")
    plan = replace(read_plan("quick"), settings={"features": 8, "blocks": 1}, widths=(3, 5))
    command = recorded_command(plan, "dynamic")
    words = command.replace("DATA", str(folder)).replace("RUN", str(tmp_path / "run")).split()[1:]
    small = ["--target-bits", "4", "--patch", "8", "--no-fuse", "--dry-run"]
    assert CliRunner().invoke(app, [*words, *small]).exit_code == 0
