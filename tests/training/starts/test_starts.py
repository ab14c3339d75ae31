"""Networks that start as an EDSR, or with their last layers fitted."""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from tiny_networks import tiny
from torch import Tensor

from cadyq_cli.errors import InputError
from cadyq_cli.imaging.resize import imresize
from cadyq_cli.networks import Card, Network, load, save
from cadyq_cli.training.data.crops import Crops
from cadyq_cli.training.data.photographs import Photographs
from cadyq_cli.training.data.survey import find
from cadyq_cli.training.learning.losses import Step
from cadyq_cli.training.recipes.plan import Plan
from cadyq_cli.training.recipes.recipe import Recipe
from cadyq_cli.training.run import Run
from cadyq_cli.training.stages import Resources
from cadyq_cli.training.starts.as_edsr import start_as_edsr
from cadyq_cli.training.starts.least_squares import Regression, two_factors
from cadyq_cli.training.starts.span import fit_last_layers

PHOTO = Path(__file__).parents[2] / "images" / "photo.png"
RECIPE = Recipe(
    steps=4, batch=2, patch=16, distill_last=0, distill_blocks=0, freeze_norms=True, fuse=False
)


def _crops(count: int, patch: int, scale: int = 2) -> tuple[Tensor, Tensor]:
    return Crops([PHOTO], scale, seed=3).batch(0, count, patch)


def _random(backbone: str, **settings: Any) -> Network:
    torch.manual_seed(5)
    return Network(Card(backbone=backbone, settings={"scale": 2, **settings}))


@torch.no_grad()
def _unexplained(network: Network, wanted: Network, low: Tensor, border: int) -> float:
    """The share of what one network adds to a mean colour that another one lacks."""
    inside = slice(border, -border)
    ours, theirs = (n.eval()(low)[0][..., inside, inside] for n in (network, wanted))
    spread = theirs - theirs.mean((0, 2, 3), keepdim=True)
    return float((ours - theirs).square().mean() / spread.square().mean())


def test_a_regression_in_parts_is_numpys_of_all_samples() -> None:
    torch.manual_seed(0)
    inputs, targets = torch.rand(5, 200), torch.rand(3, 200)
    regression = Regression(5, 3)
    for part in (slice(0, 80), slice(80, 200)):
        regression.add(inputs[:, part], targets[:, part])
    weights, intercepts = regression.solve(ridge=0)
    design = np.vstack([inputs.numpy(), np.ones(200)]).T
    expected = np.linalg.lstsq(design, targets.T.numpy(), rcond=None)[0].T
    np.testing.assert_allclose(weights, expected[:, :-1], atol=1e-3)
    np.testing.assert_allclose(intercepts, expected[:, -1], atol=1e-3)


def test_a_sample_counts_as_often_as_it_is_told() -> None:
    torch.manual_seed(0)
    inputs, targets = torch.rand(2, 40), torch.rand(1, 40)
    counted, repeated = Regression(2, 1), Regression(2, 1)
    counted.add(inputs, targets, torch.tensor([1.0, 3.0]).repeat(20))
    repeated.add(inputs, targets)
    for _ in range(2):
        repeated.add(inputs[:, 1::2], targets[:, 1::2])
    for ours, theirs in zip(counted.solve(ridge=0), repeated.solve(ridge=0), strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=0)


def test_two_factors_lose_nothing_at_full_rank_and_the_faintest_direction_first() -> None:
    torch.manual_seed(0)
    weights = torch.rand(6, 3, dtype=torch.float64)
    power = torch.diag(torch.tensor([4.0, 9.0, 1e-4], dtype=torch.float64))
    first, second = two_factors(weights, power, 3)
    torch.testing.assert_close(second @ first, weights)
    first, second = two_factors(weights, power, 2)
    lost = weights - second @ first
    assert float((lost @ power @ lost.T).trace()) < 1e-3
    assert float((first @ power @ first.T).trace()) == pytest.approx(2, rel=1e-4)


@pytest.mark.parametrize("precision", ["float", "dynamic"])
def test_an_srresnet_does_what_the_edsr_does_that_it_starts_as(precision: str) -> None:
    edsr = tiny("edsr", 2, precision, features=32, blocks=3)
    low, _ = _crops(16, 32)
    network = _random("srresnet", features=32, blocks=3)
    assert _unexplained(network, edsr, low, 16) > 0.5
    start_as_edsr(network, edsr, low)
    wanted = _as_float(edsr)
    assert _unexplained(network, wanted, low, 16) < 1e-3
    assert _unexplained(network, wanted, _crops(4, 48)[0], 16) < 1e-3


def test_a_carn_explains_most_of_the_edsr_that_it_starts_as() -> None:
    edsr = tiny("edsr", 2, "float", features=16, blocks=12)
    low, _ = _crops(16, 32)
    network = _random("carn", features=16)
    assert _unexplained(network, edsr, low, 16) > 0.5
    start_as_edsr(network, edsr, low)
    assert _unexplained(network, edsr, low, 16) < 0.1


def _as_float(network: Network) -> Network:
    copy = Network(replace(network.card, precision="float", layers={}))
    copy.backbone.load_state_dict(network.backbone.state_dict(), strict=False)
    return copy


def test_fitted_last_layers_are_better_than_bicubic_before_any_training() -> None:
    low, high = _crops(64, 16)
    network = _random("span", features=16, blocks=2)
    with torch.no_grad():
        before = (network.eval()(low)[0] - high).square().mean()
        fit_last_layers(network, low, high)
        after = (network(low)[0] - high).square().mean()
    pixels: NDArray[Any] = low.permute(0, 2, 3, 1).numpy()
    bicubic = np.stack([imresize(image, 2.0) for image in pixels])
    reference = np.square(bicubic - high.permute(0, 2, 3, 1).numpy()).mean()
    assert float(after) < float(reference) < float(before)


def test_more_features_than_the_tail_can_use_are_left_to_training() -> None:
    network = _random("span", features=32, blocks=2, scale=1)
    fit_last_layers(network, *_crops(4, 8, scale=1))
    state = network.backbone.state_dict()
    assert (state["join.weight"].abs().sum((1, 2, 3)) > 0).all()
    assert not state["tail.weight"][:, 27:].any()


class Listener:
    """Keeps what a run says, and may act at a step."""

    def __init__(self, at_step: Callable[[Step], object] = lambda _: None) -> None:
        self.notes: list[str] = []
        self._at_step = at_step

    def step(self, step: Step) -> None:
        self._at_step(step)

    def note(self, text: str) -> None:
        self.notes.append(text)

    def begin(self, *_: Any) -> None: ...
    def validated(self, *_: Any) -> None: ...
    def finished(self, *_: Any) -> None: ...
    def saved(self, *_: Any) -> None: ...


def train(plan: Plan, folder: Path, resources: Resources, report: Listener) -> Path:
    return Run.open(plan, folder).train(resources, report)


class Counting(Photographs):
    """Counts how often a crop is cut."""

    cut = 0

    def low(self, file: Path, scale: int, size: float = 1) -> NDArray[Any]:
        self.cut += 1
        return super().low(file, scale, size)


def _plan(start: Path | None = None, **changes: Any) -> Plan:
    plan = Plan(scale=2, stages=("float",), start=start, recipes={"float": RECIPE})
    return plan.with_changes(changes)


def _resources(folder: Path, photographs: Photographs | None = None) -> Resources:
    return Resources(files=find([folder]), photographs=photographs or Photographs())


@pytest.mark.parametrize("backbone", ["span", "srresnet", "carn"])
def test_a_run_fits_once_and_goes_on_without(folder: Path, tmp_path: Path, backbone: str) -> None:
    edsr = tmp_path / "edsr.safetensors"
    save(edsr, tiny("edsr", 2, "float"))
    if backbone == "span":
        settings = {"features": 4, "blocks": 2}
        plan = _plan(backbone=backbone, fit_last=True, settings=settings)
    else:
        plan = _plan(edsr, backbone=backbone)

    def interrupt(step: Step) -> None:
        if step.number == 3:
            signal.raise_signal(signal.SIGINT)

    whole = train(plan, tmp_path / "whole", _resources(folder), Listener())
    begun, resumed = Counting(), Counting()
    with pytest.raises(KeyboardInterrupt):
        train(plan, tmp_path / "cut", _resources(folder, begun), Listener(interrupt))
    result = train(plan, tmp_path / "cut", _resources(folder, resumed), Listener())
    assert begun.cut > 100 > resumed.cut
    ours, theirs = load_file(result), load_file(whole)
    assert all(torch.equal(value, theirs[name]) for name, value in ours.items())


def test_a_run_begins_as_its_start_and_names_what_that_has_not(
    folder: Path, tmp_path: Path
) -> None:
    edsr = tiny("edsr", 2, "float", features=16)
    save(tmp_path / "edsr.safetensors", edsr)
    plan = _plan(tmp_path / "edsr.safetensors", backbone="carn", learning_rate=0.0, steps=1)
    listener = Listener()
    network = load(train(plan, tmp_path / "run", _resources(folder), listener))
    assert network.card.settings == {"features": 16, "scale": 2}
    assert _unexplained(network, edsr, _crops(4, 32)[0], 16) < 0.2
    assert "; random: upsamplers.x3.0.weight, upsamplers.x3.0.bias, " in listener.notes[0]
    assert "upsamplers.x2" not in listener.notes[0]


@pytest.mark.parametrize(
    ("start", "changes", "message"),
    [
        ("edsr", {"backbone": "idn"}, "is edsr, not idn"),
        ("idn", {"backbone": "carn"}, "is idn, not carn"),
        ("srresnet", {"backbone": "edsr"}, "is srresnet, not edsr"),
        ("edsr", {"backbone": "carn", "scale": 4}, "is edsr x2, not edsr x4"),
        ("edsr", {"backbone": "srresnet", "settings": {"blocks": 3}}, "blocks = 2, not 3"),
    ],
)
def test_a_start_that_does_not_fit_is_refused_in_a_line(
    folder: Path, tmp_path: Path, start: str, changes: dict[str, Any], message: str
) -> None:
    save(tmp_path / "start.safetensors", tiny(start, 2, "float"))
    plan = _plan(tmp_path / "start.safetensors", **changes)
    with pytest.raises(InputError, match=message) as error:
        train(plan, tmp_path / "run", _resources(folder), Listener())
    assert "\n" not in str(error.value)


def test_nothing_can_start_as_an_edsr_with_a_composed_tail(folder: Path, tmp_path: Path) -> None:
    save(tmp_path / "start.safetensors", tiny("edsr", 2, "float", composed=True))
    plan = _plan(tmp_path / "start.safetensors", backbone="srresnet")
    with pytest.raises(InputError, match="has a composed tail; take a float edsr"):
        train(plan, tmp_path / "run", _resources(folder), Listener())


@pytest.mark.parametrize(
    "changes",
    [
        {"backbone": "carn"},
        {"backbone": "span", "start": Path("span.safetensors")},
        {"backbone": "span", "widen": 2},
    ],
)
def test_last_layers_are_fitted_only_where_that_makes_sense(changes: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="fit_last"):
        _plan(fit_last=True, **changes)
