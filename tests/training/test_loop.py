"""The training loop: it learns, it resumes to the bit, it steers the average width."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from networks import tiny
from PIL import Image

from cadyq_cli.checkpoint import load
from cadyq_cli.errors import CheckpointError, InputError
from cadyq_cli.training.loop import DivergedError, Step, Trainer
from cadyq_cli.training.photos import Photos, find
from cadyq_cli.training.recipe import Recipe
from cadyq_cli.training.run import Plan, train
from cadyq_cli.training.state import State

RECIPE = Recipe(
    steps=12,
    batch=2,
    patch=8,
    learning_rate=1e-3,
    selector_rate=1e-3,
    range_steps=0,
    average=0.9,
    fuse=False,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three small photographs of smooth noise."""
    path = tmp_path_factory.mktemp("photos")
    random = np.random.default_rng(1)
    for i in range(3):
        coarse = random.integers(0, 256, (8, 9, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((72, 64), Image.Resampling.BICUBIC).save(path / f"{i}.png")
    return path


def _trainer(folder: Path, recipe: Recipe = RECIPE) -> Trainer:
    photos = Photos(find([folder]), 2, seed=recipe.seed)
    return Trainer(tiny("edsr", 2), recipe, photos, teacher=tiny("edsr", 2, "static"))


def _run(trainer: Trainer, until: int | None = None) -> list[Step]:
    steps: list[Step] = []
    trainer.run(steps.append, until=until)
    return steps


def test_a_resumed_run_gives_the_same_numbers_as_an_uninterrupted_one(
    folder: Path, tmp_path: Path
) -> None:
    whole = _trainer(folder)
    steps = _run(whole)

    first = _trainer(folder)
    begun = _run(first, until=5)
    first.state().save(tmp_path / "state")
    second = _trainer(folder)
    second.resume(State.load(tmp_path / "state"))
    ended = _run(second)

    assert begun + ended == steps
    for kind in ("network", "average"):
        ours, theirs = (getattr(t, kind).state_dict() for t in (second, whole))
        assert all(torch.equal(value, theirs[name]) for name, value in ours.items())


def test_training_lowers_the_loss(folder: Path) -> None:
    steps = _run(_trainer(folder, replace(RECIPE, steps=60, bit_price=0)))
    early, late = (sum(s.truth for s in part) for part in (steps[:10], steps[-10:]))
    assert late < 0.9 * early


@pytest.mark.parametrize("precision", ["float", "static", "dynamic"])
def test_a_teacher_of_any_precision_can_take_the_photographs_place(
    folder: Path, precision: str
) -> None:
    recipe = replace(RECIPE, steps=60, truth=0, distill_output=1, distill_last=0, distill_blocks=0)
    teacher = tiny("edsr", 2, precision, seed=1)
    trainer = Trainer(
        tiny("edsr", 2), replace(recipe, bit_price=0), Photos(find([folder]), 2), teacher
    )
    steps = _run(trainer)
    early, late = (sum(s.output for s in part) for part in (steps[:10], steps[-10:]))
    assert late < 0.9 * early
    assert {s.truth for s in steps} == {0}


def test_the_output_term_is_the_mean_difference_to_the_teachers_output_in_8_bit_steps(
    folder: Path,
) -> None:
    recipe = replace(RECIPE, distill_output=0.5, distill_last=0, distill_blocks=0)
    student, teacher = tiny("edsr", 2, "float"), tiny("edsr", 2, "float", seed=1)
    photos = Photos(find([folder]), 2)
    low, _ = photos.batch(0, recipe.batch, recipe.patch)
    with torch.no_grad():
        difference = (student(low)[0] - teacher(low)[0]).abs().mean() * 255
    (step,) = _run(Trainer(student, recipe, photos, teacher), until=1)
    assert step.output == pytest.approx(0.5 * difference.item(), rel=1e-2)


def test_the_price_rises_above_the_target_and_falls_below_it(folder: Path) -> None:
    for target, rises in ((2.0, True), (9.0, False)):
        steps = _run(_trainer(folder, replace(RECIPE, target_bits=target)))
        assert (steps[-1].bit_price > RECIPE.bit_price) is rises


def test_without_a_target_the_price_grows_each_epoch(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cadyq_cli.training.loop.EPOCH", 4)
    steps = _run(_trainer(folder))
    assert steps[-1].bit_price == pytest.approx(RECIPE.bit_price + 3 * RECIPE.bit_price_growth)


def test_bounds_follow_the_range_first_and_are_learned_then(folder: Path) -> None:
    trainer = _trainer(folder, replace(RECIPE, range_steps=2))
    site = trainer.network.backbone.get_submodule("blocks.0.site1")
    bounds: Any = site.bounds
    _run(trainer, until=1)
    assert len(set(bounds.tolist())) == 1  # one range for every width
    followed = bounds.detach().clone()
    _run(trainer, until=3)
    assert not torch.equal(bounds, followed)


def test_divergence_stops_at_the_step_and_keeps_the_network(folder: Path) -> None:
    trainer = _trainer(folder)
    _run(trainer, until=2)
    trainer.bit_price = float("nan")
    before = {name: value.clone() for name, value in trainer.network.state_dict().items()}
    with pytest.raises(DivergedError, match="step 3"):
        _run(trainer)
    after = trainer.network.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())


def test_another_recipe_cannot_be_resumed_but_a_longer_one_can(folder: Path) -> None:
    trainer = _trainer(folder)
    _run(trainer, until=2)
    _trainer(folder, replace(RECIPE, steps=20)).resume(trainer.state())
    with pytest.raises(InputError, match="batch"):
        _trainer(folder, replace(RECIPE, batch=3)).resume(trainer.state())


def test_a_damaged_state_is_named(tmp_path: Path) -> None:
    (tmp_path / "state").write_bytes(b"rubbish")
    with pytest.raises(CheckpointError, match="no training state"):
        State.load(tmp_path / "state")


def test_each_step_has_the_same_crops_whatever_came_before(folder: Path) -> None:
    one, other = (Photos(find([folder]), 2, seed=7) for _ in range(2))
    one.batch(0, 4, 8)
    for found, expected in zip(one.batch(3, 4, 8), other.batch(3, 4, 8), strict=True):
        assert torch.equal(found, expected)


def test_low_and_high_resolution_crops_show_the_same_place(folder: Path) -> None:
    low, high = Photos(find([folder]), 2, seed=3).batch(0, 16, 12)
    shrunk = torch.nn.functional.avg_pool2d(high, 2)
    inside = (..., slice(2, -2), slice(2, -2))
    assert (low - shrunk)[inside].abs().max() < 0.05


class _Silent:
    def begin(self, *_: Any) -> None: ...
    def step(self, *_: Any) -> None: ...
    def validated(self, *_: Any) -> None: ...
    def finished(self, *_: Any) -> None: ...


def test_the_stages_lead_from_photographs_to_a_dynamic_network(
    folder: Path, tmp_path: Path
) -> None:
    short = replace(RECIPE, steps=2)
    plan = Plan(
        backbone="edsr",
        scale=2,
        settings={"features": 8, "blocks": 1},
        recipes={"float": short, "static": short, "dynamic": short},
    )
    last = train(plan, find([folder]), tmp_path, _Silent())
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["dynamic.safetensors", "float.safetensors", "static.safetensors"]
    network = load(last)
    assert network.card.precision == "dynamic"
    with torch.no_grad():
        _, trace = network(torch.rand(1, 3, 8, 8))
    assert set(trace.bits) == {"block1.1", "block1.2"}


def test_an_interrupted_run_says_so_and_goes_on_where_it_was(folder: Path, tmp_path: Path) -> None:
    import signal

    class Interrupting(_Silent):
        def step(self, step: Step) -> None:
            if step.number == 3:
                signal.raise_signal(signal.SIGINT)

    class Counting(_Silent):
        def begin(self, stage: str, done: int, steps: int) -> None:
            begun.append((stage, done, steps))

    begun: list[tuple[str, int, int]] = []
    plan = Plan(
        backbone="edsr",
        scale=2,
        settings={"features": 8, "blocks": 1},
        stages=("float",),
        recipes={"float": replace(RECIPE, steps=5)},
    )
    with pytest.raises(KeyboardInterrupt):
        train(plan, find([folder]), tmp_path, Interrupting())
    train(plan, find([folder]), tmp_path, Counting())
    assert begun == [("float", 3, 5)]
