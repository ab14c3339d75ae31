"""The training loop: it learns, it resumes to the bit, it steers the average width."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_networks import tiny

from cadyq_cli.degradations.naming import degradation_of
from cadyq_cli.errors import CheckpointError, InputError
from cadyq_cli.training.data.crops import Crops
from cadyq_cli.training.data.survey import find
from cadyq_cli.training.learning.health import DivergedError
from cadyq_cli.training.learning.losses import Step
from cadyq_cli.training.learning.state import State, steps_of
from cadyq_cli.training.learning.trainer import Trainer
from cadyq_cli.training.recipes.recipe import Recipe

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


def _trainer(folder: Path, recipe: Recipe = RECIPE) -> Trainer:
    photos = Crops(find([folder]), 2, seed=recipe.seed)
    return Trainer(tiny("edsr", 2), recipe, photos, teacher=tiny("edsr", 2, "static"))


def _run(trainer: Trainer, until: int | None = None) -> list[Step]:
    steps: list[Step] = []
    trainer.run(steps.append, until=until)
    return steps


@pytest.mark.parametrize("kernel_rate", [0, 0.01])
def test_a_resumed_run_gives_the_same_numbers_as_an_uninterrupted_one(
    folder: Path, tmp_path: Path, kernel_rate: float
) -> None:
    recipe = replace(RECIPE, kernel_rate=kernel_rate)
    whole = _trainer(folder, recipe)
    steps = _run(whole)

    first = _trainer(folder, recipe)
    begun = _run(first, until=5)
    first.state().save(tmp_path / "state")
    second = _trainer(folder, recipe)
    second.resume(State.load(tmp_path / "state"))
    ended = _run(second)

    assert begun + ended == steps
    for kind in ("network", "average"):
        ours, theirs = (getattr(t, kind).state_dict() for t in (second, whole))
        assert all(torch.equal(value, theirs[name]) for name, value in ours.items())


def test_a_state_of_another_optimiser_is_refused(folder: Path) -> None:
    adam, muon = (_trainer(folder, replace(RECIPE, kernel_rate=rate)) for rate in (0, 0.01))
    _run(adam, until=1)
    with pytest.raises(ValueError, match="optimiser"):
        muon.resume(adam.state())


def test_kernels_move_by_their_rate_and_biases_by_theirs(folder: Path) -> None:
    trainer = _trainer(folder, replace(RECIPE, kernel_rate=0.01, learning_rate=0))
    before = {name: p.detach().clone() for name, p in trainer.network.named_parameters()}
    _run(trainer, until=1)
    for name, value in trainer.network.named_parameters():
        if name.endswith("conv1.weight"):
            moved = (value - before[name]).norm() / before[name].norm()
            assert moved.item() == pytest.approx(0.01, rel=1e-3)
        elif name.endswith("conv1.bias"):
            assert torch.equal(value, before[name])


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
        tiny("edsr", 2), replace(recipe, bit_price=0), Crops(find([folder]), 2), teacher
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
    photos = Crops(find([folder]), 2)
    low, _ = photos.batch(0, recipe.batch, recipe.patch)
    with torch.no_grad():
        difference = (student(low)[0] - teacher(low)[0]).abs().mean() * 255
    (step,) = _run(Trainer(student, recipe, photos, teacher), until=1)
    assert step.output == pytest.approx(0.5 * difference.item(), rel=1e-2)


@pytest.mark.parametrize("spared", [True, False])
def test_a_teacher_that_is_spared_sees_what_was_there_before_degradation(
    folder: Path, *, spared: bool
) -> None:
    recipe = replace(RECIPE, distill_output=1, distill_last=0, distill_blocks=0)
    student, teacher = tiny("edsr", 2, "float"), tiny("edsr", 2, "float", seed=1)
    photos = Crops(find([folder]), 2, degradation=degradation_of("noise20"))
    low, _, clean = (side.float() / 255 for side in photos.pixels(0, range(4), recipe.patch))
    with torch.no_grad():
        difference = (student(low)[0] - teacher(clean if spared else low)[0]).abs().mean() * 255
    trainer = Trainer(student, replace(recipe, batch=4), photos, teacher, spared=spared)
    (step,) = _run(trainer, until=1)
    assert step.output == pytest.approx(difference.item(), rel=1e-3)


def test_the_price_rises_above_the_target_and_falls_below_it(folder: Path) -> None:
    for target, rises in ((2.0, True), (9.0, False)):
        steps = _run(_trainer(folder, replace(RECIPE, target_bits=target)))
        assert (steps[-1].bit_price > RECIPE.bit_price) is rises


def test_without_a_target_the_price_grows_each_epoch(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cadyq_cli.training.learning.trainer.EPOCH", 4)
    trainer = _trainer(folder)
    _run(trainer)
    assert trainer.bit_price == pytest.approx(RECIPE.bit_price + 3 * RECIPE.bit_price_growth)


def test_bounds_follow_the_range_first_and_are_learned_then(folder: Path) -> None:
    trainer = _trainer(folder, replace(RECIPE, range_steps=2))
    site = trainer.network.backbone.get_submodule("blocks.0.site1")
    bounds: Any = site.bounds
    _run(trainer, until=1)
    assert len(set(bounds.tolist())) == 1  # one range for every width
    followed = bounds.detach().clone()
    _run(trainer, until=3)
    assert not torch.equal(bounds, followed)


def test_a_loss_that_is_no_number_stops_at_the_step_and_keeps_the_network(folder: Path) -> None:
    trainer = _trainer(folder)
    _run(trainer, until=2)
    trainer.bit_price = float("nan")
    before = {name: value.clone() for name, value in trainer.network.state_dict().items()}
    with pytest.raises(DivergedError, match="nan at step 3"):
        _run(trainer)
    after = trainer.network.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())


def test_a_loss_that_grows_to_several_times_what_it_was_stops(folder: Path) -> None:
    recipe = replace(RECIPE, steps=400, learning_rate=0, bound_rate=0, selector_rate=0)
    trainer = Trainer(tiny("edsr", 2, "float"), recipe, Crops(find([folder]), 2))
    _run(trainer, until=120)
    assert trainer.healthy
    with torch.no_grad():
        trainer.network.backbone.get_submodule("tail").get_parameter("weight").mul_(1e4)
    with pytest.raises(DivergedError, match=r"diverges: at step 1[345]\d"):
        _run(trainer)
    assert not trainer.healthy


def test_one_wild_step_is_no_divergence(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = replace(RECIPE, steps=400, learning_rate=0, bound_rate=0, selector_rate=0)
    trainer = Trainer(tiny("edsr", 2, "float"), recipe, Crops(find([folder]), 2))
    forward = Trainer._forward

    def wild(self: Trainer, *arguments: Any) -> Any:
        losses, trace = forward(self, *arguments)
        return (replace(losses, truth=losses.truth * 1e5) if self.step == 120 else losses), trace

    monkeypatch.setattr(Trainer, "_forward", wild)
    _run(trainer, until=140)
    assert trainer.healthy


def test_gradients_are_clipped_to_their_norm(folder: Path) -> None:
    steps = {}
    for clip in (0.0, 1e-3):
        trainer = _trainer(folder, replace(RECIPE, clip_gradient=clip))
        (step,) = _run(trainer, until=1)
        norms = [p.grad.norm() for p in trainer.network.parameters() if p.grad is not None]
        steps[clip] = step.gradient, float(torch.stack(norms).norm())
    assert steps[0.0][0] == pytest.approx(steps[0.0][1], rel=1e-4)
    assert steps[1e-3][0] == pytest.approx(steps[0.0][0])
    assert steps[1e-3][1] == pytest.approx(1e-3, rel=1e-3)


def test_a_step_in_bfloat16_is_close_to_one_in_float32(folder: Path) -> None:
    losses = [
        _run(_trainer(folder, replace(RECIPE, arithmetic=arithmetic)), until=1)[0].truth
        for arithmetic in ("float32", "bfloat16")
    ]
    assert losses[0] != losses[1]
    assert losses[0] == pytest.approx(losses[1], rel=0.02)


def test_float16_without_a_gpu_is_refused(folder: Path) -> None:
    with pytest.raises(InputError, match="needs a GPU"):
        _trainer(folder, replace(RECIPE, arithmetic="float16"))


def test_the_crops_and_the_network_do_not_depend_on_the_number_of_workers(folder: Path) -> None:
    runs = []
    for workers in (1, 4):
        trainer = Trainer(
            tiny("edsr", 2, "float"), RECIPE, Crops(find([folder]), 2), workers=workers
        )
        runs.append(_run(trainer))
    assert runs[0] == runs[1]


def test_a_body_for_several_scales_learns_each(folder: Path) -> None:
    network = tiny("carn", 2, "float")
    before = {name: value.clone() for name, value in network.backbone.state_dict().items()}
    trainer = Trainer(network, RECIPE, Crops(find([folder]), 2), scales=(2, 3, 4))
    _run(trainer)
    after = network.backbone.state_dict()
    for scale in (2, 3, 4):
        name = f"upsamplers.x{scale}.0.weight"
        assert not torch.equal(before[name], after[name])
    assert network.backbone.scale == 2


@pytest.mark.parametrize("read", [State.load, steps_of])
def test_a_damaged_state_is_named(tmp_path: Path, read: Callable[[Path], object]) -> None:
    (tmp_path / "state").write_bytes(b"rubbish")
    with pytest.raises(CheckpointError, match="no training state"):
        read(tmp_path / "state")


def test_a_state_tells_its_steps_without_its_tensors(folder: Path, tmp_path: Path) -> None:
    trainer = _trainer(folder)
    _run(trainer, until=2)
    trainer.state().save(tmp_path / "state")
    assert steps_of(tmp_path / "state") == State.load(tmp_path / "state").step == 2


@pytest.mark.parametrize("frozen", [True, False])
def test_frozen_normalisations_keep_their_statistics(folder: Path, frozen: bool) -> None:
    photos = Crops(find([folder]), 2, seed=0)
    recipe = replace(RECIPE, freeze_norms=frozen, distill_last=0, distill_blocks=0)
    trainer = Trainer(tiny("srresnet", 2), recipe, photos)
    name = "backbone.blocks.0.norm1.running_mean"
    before = trainer.network.state_dict()[name].clone()

    _run(trainer, until=2)

    assert torch.equal(trainer.network.state_dict()[name], before) == frozen
