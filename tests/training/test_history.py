from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tiny_networks import tiny

from cadyq_cli.commands.recorded import recorded_command
from cadyq_cli.networks import load, save
from cadyq_cli.networks.history import Event, appended, history_of
from cadyq_cli.training.data.photographs import Photographs
from cadyq_cli.training.data.survey import find
from cadyq_cli.training.recipes.plan import StageName, read_plan
from cadyq_cli.training.recipes.recipe import Recipe
from cadyq_cli.training.run import Run
from cadyq_cli.training.stages import Resources


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
    resources = Resources(files=find([folder]), photographs=Photographs(), command=recorded_command)
    last = Run.open(plan, tmp_path / "run").train(resources, Silent())
    drawer, static, dynamic = history_of(load(last).card)
    assert drawer.did == "found in a drawer"
    assert "--stages static" in static.command
    assert "--stages dynamic" in dynamic.command
    assert "--start start.safetensors" in static.command  # without the folder, which is private
    assert static.data == f"{len(resources.files)} photographs"
    assert static.minutes is not None
