from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tiny_networks import tiny
from typer.testing import CliRunner

from cadyq_cli.commands.app import app
from cadyq_cli.networks import load, save
from cadyq_cli.networks.history import Event, appended, history_of
from cadyq_cli.training.data.photographs import Photographs
from cadyq_cli.training.data.survey import find
from cadyq_cli.training.history import event_of
from cadyq_cli.training.recipes.plan import StageName, read_plan
from cadyq_cli.training.recipes.recipe import Recipe
from cadyq_cli.training.run import Run
from cadyq_cli.training.stages import Resources

CPU = torch.device("cpu")


class Silent:
    """Says nothing of a run."""

    def step(self, *_: object) -> None: ...
    def begin(self, *_: object) -> None: ...
    def note(self, *_: object) -> None: ...
    def validated(self, *_: object) -> None: ...
    def finished(self, *_: object) -> None: ...
    def saved(self, *_: object) -> None: ...


def test_every_stage_adds_itself_to_the_history_of_the_start(folder: Path, tmp_path: Path) -> None:
    start = tiny("edsr", 2, "float")
    start.card = appended(start.card, Event(did="found in a drawer"))
    save(tmp_path / "start.safetensors", start)
    recipe = Recipe(steps=1, batch=1, patch=8, range_steps=0, fuse=False)
    recipes: dict[StageName, Recipe] = {"static": recipe, "dynamic": recipe}
    plan = replace(
        read_plan("quick"),
        scale=2,
        start=tmp_path / "start.safetensors",
        stages=("static", "dynamic"),
        recipes=recipes,
        edges=True,
    )
    resources = Resources(files=find([folder]), photographs=Photographs())
    last = Run.open(plan, tmp_path / "run").train(resources, Silent())
    drawer, static, dynamic = history_of(load(last).card)
    assert drawer.did == "found in a drawer"
    assert "--stages static" in static.command
    assert "--stages dynamic" in dynamic.command
    assert "--start start.safetensors" in static.command  # without the folder, which is private
    assert static.data == f"{len(resources.files)} photographs"
    assert static.minutes is not None


@pytest.mark.parametrize("stage", ["float", "static", "dynamic"])
def test_the_recorded_command_says_all_that_differs_from_the_usual_recipe(stage: StageName) -> None:
    plan = read_plan("quick")
    told = event_of(plan, stage, photographs=3, device=CPU, seconds=90)
    assert (told.command, told.minutes) == (f"cadyq train DATA -o RUN --stages {stage}", 1.5)
    own = replace(plan.recipes[stage], kernel_rate=3e-4, sizes=(1, 0.5), freeze_norms=True)
    other = replace(plan, scale=3, recipes={**plan.recipes, stage: own}, unsigned=not plan.unsigned)
    command = event_of(other, stage, photographs=3, device=CPU, seconds=None).command
    unsigned = "--signed" if plan.unsigned else "--unsigned"
    flags = command.removeprefix(f"cadyq train DATA -o RUN --stages {stage} ")
    assert flags == f"--scale 3 {unsigned} --sizes 1,0.5 --kernel-rate 0.0003 --freeze-norms"


def test_a_recorded_command_can_be_given_again(folder: Path, tmp_path: Path) -> None:
    plan = replace(read_plan("quick"), settings={"features": 8, "blocks": 1}, widths=(3, 5))
    command = event_of(plan, "dynamic", photographs=1, device=CPU, seconds=1).command
    words = command.replace("DATA", str(folder)).replace("RUN", str(tmp_path / "run")).split()[1:]
    small = ["--target-bits", "4", "--patch", "8", "--dry-run"]
    assert CliRunner().invoke(app, [*words, *small]).exit_code == 0
