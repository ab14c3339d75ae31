"""Whole runs: stages, interruptions, crashes, starts from elsewhere, and what they leave behind."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from tiny_networks import tiny

from cadyq_cli.errors import InputError
from cadyq_cli.networks import Card, load, save
from cadyq_cli.training import stages
from cadyq_cli.training.data.photographs import Photographs
from cadyq_cli.training.data.survey import find
from cadyq_cli.training.learning.health import DivergedError
from cadyq_cli.training.learning.losses import Step
from cadyq_cli.training.learning.state import State
from cadyq_cli.training.learning.trainer import Trainer
from cadyq_cli.training.log import table
from cadyq_cli.training.log.validation import Validation
from cadyq_cli.training.recipes.plan import STAGES, Plan, parse_plan
from cadyq_cli.training.recipes.recipe import Recipe
from cadyq_cli.training.run import Run
from cadyq_cli.training.stages import Resources
from cadyq_cli.training.starts.start import stages_after

RECIPE = Recipe(steps=4, batch=2, patch=8, range_steps=0, average=0.9, fuse=False)
PLAN = Plan(
    scale=2,
    settings={"features": 8, "blocks": 1},
    recipes={"float": RECIPE, "static": RECIPE, "dynamic": RECIPE},
)


class Listener:
    """Keeps what a run says, and may act at a step."""

    def __init__(self, at_step: Callable[[Step], object] = lambda _: None) -> None:
        self.begun: list[tuple[str, int, int]] = []
        self.notes: list[str] = []
        self._at_step = at_step

    def step(self, step: Step) -> None:
        self._at_step(step)

    def begin(self, stage: str, done: int, recipe: Recipe) -> None:
        self.begun.append((stage, done, recipe.steps))

    def note(self, text: str) -> None:
        self.notes.append(text)

    def validated(self, *_: Any) -> None: ...
    def finished(self, *_: Any) -> None: ...
    def saved(self, *_: Any) -> None: ...


def train(plan: Plan, folder: Path, resources: Resources, report: Listener) -> Path:
    return Run.open(plan, folder).train(resources, report)


def _resources(folder: Path, validation: Validation | None = None) -> Resources:
    return Resources(files=find([folder]), photographs=Photographs(), validation=validation)


def _weights(path: Path) -> dict[str, torch.Tensor]:
    return dict(load(path).backbone.state_dict())


def _same(ours: dict[str, torch.Tensor], theirs: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(value, theirs[name]) for name, value in ours.items())


def test_the_stages_lead_from_photographs_to_a_dynamic_network(
    folder: Path, tmp_path: Path
) -> None:
    validation = Validation(find([folder])[:1], 2)
    plan = replace(PLAN, save_every=2)
    last = train(plan, tmp_path, _resources(folder, validation), Listener())
    names = sorted(path.name for path in tmp_path.iterdir())
    files = [f"{s}.{kind}" for s in STAGES for kind in ("safetensors", "state")]
    assert names == sorted(["bitmaps", "curves.png", "metrics.csv", "recipe.toml", *files])
    network = load(last)
    assert network.card.precision == "dynamic"
    assert network.card.about["recipe"]["steps"] == 4
    with torch.no_grad():
        _, trace = network(torch.rand(1, 3, 8, 8))
    assert set(trace.bits) == {"block1.1", "block1.2"}
    maps = sorted(path.name for path in (tmp_path / "bitmaps").iterdir())
    assert maps == ["dynamic-000002.png", "dynamic-000004.png"]
    rows = table.read(tmp_path / "metrics.csv")
    validated = [(row["stage"], row["step"]) for row in rows if row["psnr"]]
    assert validated == [(s, n) for s in ("float", "static", "dynamic") for n in ("2", "4")]
    with Image.open(tmp_path / "curves.png") as curves:
        assert np.asarray(curves).std() > 0
    plan = parse_plan((tmp_path / "recipe.toml").read_text(), "file")
    assert plan.stages == ("float", "static", "dynamic")


def test_a_run_that_fits_the_tail_at_the_end_changes_nothing_else(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stages, "TAIL_PIXELS", 2**12)
    settings = {"features": 4, "blocks": 2}
    plan = Plan(
        backbone="span", scale=2, settings=settings, stages=("float",), recipes={"float": RECIPE}
    )
    weights = [
        load_file(
            train(
                plan.with_changes({"refit_tail": refit}),
                tmp_path / str(refit),
                _resources(folder),
                Listener(),
            )
        )
        for refit in (False, True)
    ]
    different = {
        name for name, value in weights[0].items() if not torch.equal(value, weights[1][name])
    }
    assert different == {"tail.weight", "tail.bias"}


@pytest.mark.parametrize(("number", "widen"), [(signal.SIGINT, 0), (signal.SIGTERM, 2)])
def test_an_interrupted_run_says_so_and_goes_on_where_it_was(
    folder: Path, tmp_path: Path, number: signal.Signals, widen: int
) -> None:
    plan = replace(PLAN, stages=("float",)).with_changes({"widen": widen})
    whole = train(plan, tmp_path / "whole", _resources(folder), Listener())

    def interrupt(step: Step) -> None:
        if step.number == 3:
            signal.raise_signal(number)

    with pytest.raises(KeyboardInterrupt):
        train(plan, tmp_path / "cut", _resources(folder), Listener(interrupt))
    after = Listener()
    resumed = train(plan, tmp_path / "cut", _resources(folder), after)
    assert after.begun == [("float", 3, 4)]
    assert _same(_weights(resumed), _weights(whole))


def test_a_finished_stage_can_have_more_steps_until_the_next_has_begun(
    folder: Path, tmp_path: Path
) -> None:
    short = replace(PLAN, stages=("float",))
    train(short, tmp_path, _resources(folder), Listener())
    longer = Listener()
    train(short.with_changes({"steps": 6}), tmp_path, _resources(folder), longer)
    assert longer.begun == [("float", 4, 6)]
    train(replace(PLAN, stages=("float", "static")), tmp_path, _resources(folder), Listener())
    recipe = (tmp_path / "recipe.toml").read_text()
    with pytest.raises(InputError, match="float cannot have more steps once static has begun"):
        train(short.with_changes({"steps": 8}), tmp_path, _resources(folder), Listener())
    assert (tmp_path / "recipe.toml").read_text() == recipe


def test_a_stage_ends_with_a_state_of_its_end_although_the_loss_has_risen(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Trainer, "healthy", False)
    plan = replace(PLAN, stages=("float", "static"))
    train(plan, tmp_path, _resources(folder), Listener())
    (tmp_path / "static.safetensors").unlink()
    resumed = Listener()
    train(plan, tmp_path, _resources(folder), resumed)
    assert [stage for stage, _, _ in resumed.begun] == ["static"]


KILLED = """
import os, signal, sys
from contextlib import contextmanager
from pathlib import Path
sys.path[:0] = sys.argv[3:]
from cadyq_cli import atomic
from cadyq_cli.atomic import replacing
from test_run import PLAN, Listener, _resources, train
from dataclasses import replace

class Dying:
    def __init__(self, file): self.file = file
    def write(self, content):
        self.file.write(content[: len(content) // 2])
        self.file.flush()
        os.kill(os.getpid(), signal.SIGKILL)

@contextmanager
def dying(path):
    with replacing(path) as opened:
        second = path.suffix == ".state" and path.exists()
        yield Dying(opened) if second else opened

atomic.replacing = dying
plan = replace(PLAN, stages=("float",), save_every=1)
train(plan, Path(sys.argv[2]), _resources(Path(sys.argv[1])), Listener())
"""


def test_a_process_killed_while_it_writes_a_state_loses_nothing_before(
    folder: Path, tmp_path: Path
) -> None:
    plan = replace(PLAN, stages=("float",), save_every=1)
    whole = train(plan, tmp_path / "whole", _resources(folder), Listener())

    run = tmp_path / "killed"
    here = Path(__file__).parent
    command = [sys.executable, "-c", KILLED, str(folder), str(run), str(here), str(here.parent)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=here.parents[1], check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert State.load(run / "float.state").step == 1
    assert [path for path in run.iterdir() if path.suffix == ".part"]

    after = Listener()
    resumed = train(plan, run, _resources(folder), after)
    assert after.begun == [("float", 1, 4)]
    assert _same(_weights(resumed), _weights(whole))
    ours, theirs = (table.read(path / "metrics.csv") for path in (run, tmp_path / "whole"))
    timed = {"seconds", "images_per_second"}
    assert [{k: v for k, v in row.items() if k not in timed} for row in ours] == [
        {k: v for k, v in row.items() if k not in timed} for row in theirs
    ]


def test_after_a_divergence_the_last_good_state_is_kept(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = replace(PLAN, stages=("float",), save_every=2)
    forward = Trainer._forward

    def spoilt(self: Trainer, *arguments: Any) -> Any:
        losses, trace = forward(self, *arguments)
        broken = replace(losses, truth=losses.truth * float("nan"))
        return (broken if self.step == 3 else losses), trace

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "_forward", spoilt)
        with pytest.raises(DivergedError, match=r"nan at step 4; .*as of step 2"):
            train(plan, tmp_path, _resources(folder), Listener())
    after = Listener()
    train(plan, tmp_path, _resources(folder), after)
    assert after.begun == [("float", 2, 4)]


def test_a_smaller_scale_starts_from_a_larger_ones_body(folder: Path, tmp_path: Path) -> None:
    start = tmp_path / "x4.safetensors"
    network = tiny("edsr", 4, "dynamic")
    save(start, network)
    plan = replace(PLAN, scale=3, start=start, settings={}, stages=("float",))
    plan = plan.with_changes({"learning_rate": 0.0, "steps": 1})
    listener = Listener()
    result = _weights(train(plan, tmp_path / "run", _resources(folder), listener))
    theirs = network.backbone.state_dict()
    assert torch.equal(result["blocks.1.conv2.conv.weight"], theirs["blocks.1.conv2.conv.weight"])
    assert result["upsampler.0.weight"].shape != theirs["upsampler.0.weight"].shape
    assert listener.notes[0].endswith("random: upsampler.0.weight, upsampler.0.bias")


def test_a_composed_start_stays_so_at_its_own_scale_only(folder: Path, tmp_path: Path) -> None:
    save(tmp_path / "x4.safetensors", tiny("edsr", 4, "float", composed=True))
    for scale, name in ((4, "tail.weight"), (3, "upsampler.0.weight")):
        plan = replace(PLAN, scale=scale, start=tmp_path / "x4.safetensors", settings={})
        plan = replace(plan, stages=("dynamic",)).with_changes({"steps": 1})
        result = _weights(train(plan, tmp_path / f"run{scale}", _resources(folder), Listener()))
        assert result[name].ndim == (5 if scale == 4 else 4)


@pytest.mark.parametrize(
    ("precision", "stages"),
    [("float", ["static", "dynamic"]), ("static", ["dynamic"]), ("dynamic", ["dynamic"])],
)
def test_a_start_of_the_same_scale_leads_on_from_its_own_stage(
    folder: Path, tmp_path: Path, precision: str, stages: list[str]
) -> None:
    save(tmp_path / "start.safetensors", tiny("edsr", 2, precision))
    plan = replace(PLAN, start=tmp_path / "start.safetensors", settings={})
    listener = Listener()
    train(plan.with_changes({"steps": 1}), tmp_path / "run", _resources(folder), listener)
    assert [stage for stage, _, _ in listener.begun] == stages


@pytest.mark.parametrize("measures", [True, False])
def test_the_selectors_of_a_dynamic_start_are_measured_anew_if_the_recipe_says_so(
    folder: Path, tmp_path: Path, measures: bool
) -> None:
    start = tmp_path / "start.safetensors"
    save(start, tiny("edsr", 2, "dynamic"))
    still = {"steps": 1, "learning_rate": 0.0, "bound_rate": 0.0, "selector_rate": 0.0}
    measured = {"measure_selectors": measures, "target_bits": 5.0}
    plan = replace(PLAN, start=start, settings={}, edges=False).with_changes(still | measured)
    result = _weights(train(plan, tmp_path / "run", _resources(folder), Listener()))
    before = _weights(start)
    changed = {name for name in before if not torch.equal(before[name], result[name])}
    assert all(".selector." in name for name in changed)
    assert bool(changed) == measures


def test_training_goes_on_from_a_calibrated_network(folder: Path, tmp_path: Path) -> None:
    """Its weights hold the ranges of channels, so nothing of its form may change."""
    start = tmp_path / "start.safetensors"
    form = {"channel_steps": True, "channel_ranges": True, "offsets": True, "edges": "static"}
    calibrated = tiny("edsr", 2, "dynamic", layers={**form, "widths": (4, 6, 8)})
    save(start, calibrated, compact=True)
    still = {"steps": 1, "learning_rate": 0.0, "bound_rate": 0.0, "selector_rate": 0.0}
    plan = replace(PLAN, start=start, settings={}).with_changes(still)
    result = train(plan, tmp_path / "run", _resources(folder), Listener())
    assert result.name == "dynamic.safetensors"
    assert _same(_weights(start), _weights(result))
    image = torch.rand(1, 3, 12, 12)
    with torch.no_grad():
        torch.testing.assert_close(load(result)(image)[0], load(start)(image)[0])
    with pytest.raises(InputError, match="calibrated network cannot be trained in float"):
        train(
            plan.with_changes({"stages": ("float",)}),
            tmp_path / "b",
            _resources(folder),
            Listener(),
        )


@pytest.mark.parametrize(
    ("kind", "stages"), [("pams", ["dynamic"]), ("cadyq", ["dynamic"])], ids=["static", "dynamic"]
)
def test_a_checkpoint_of_the_authors_is_a_start(
    folder: Path, tmp_path: Path, kind: str, stages: list[str]
) -> None:
    golden = load_file(Path(__file__).parents[1] / "golden" / "released_edsr_x2.safetensors")
    prefix = f"{kind}.state/"
    state = {k.removeprefix(prefix): v for k, v in golden.items() if k.startswith(prefix)}
    start = tmp_path / "theirs.pth.tar"
    torch.save({"state_dict": state}, start)
    plan = replace(PLAN, start=start, settings={}).with_changes({"steps": 1, "learning_rate": 0.0})
    listener = Listener()
    result = load(train(plan, tmp_path / "run", _resources(folder), listener))
    assert result.card.precision == "dynamic"
    assert [stage for stage, _, _ in listener.begun] == stages
    head = result.backbone.state_dict()["head.weight"]
    assert torch.equal(head, state["head.0.weight"])


def test_a_body_for_several_scales_gives_a_network_for_each(folder: Path, tmp_path: Path) -> None:
    plan = Plan(
        backbone="carn",
        scale=4,
        scales=(2, 4),
        settings={"features": 8},
        stages=("float",),
        recipes={"float": replace(RECIPE, steps=2, patch=6)},
    )
    result = train(plan, tmp_path, _resources(folder), Listener())
    assert load(result).card.scale == 4
    other = load(tmp_path / "float-x2.safetensors")
    assert other(torch.rand(1, 3, 8, 8))[0].shape == (1, 3, 16, 16)


def test_the_last_network_is_written_with_its_edges_in_8_bit_too(
    folder: Path, tmp_path: Path
) -> None:
    save(tmp_path / "static.safetensors", tiny("edsr", 2, "static"))
    plan = replace(PLAN, start=tmp_path / "static.safetensors", settings={}, edges=True)
    last = train(plan.with_changes({"steps": 1}), tmp_path / "run", _resources(folder), Listener())
    edges, dynamic = load(last), load(tmp_path / "run" / "dynamic.safetensors")
    assert edges.card.layers == dynamic.card.layers | {"edges": "static"}
    image = torch.rand(1, 3, 16, 16)
    with torch.no_grad():
        assert 0 < (edges(image)[0] - dynamic(image)[0]).abs().mean() < 0.02


def test_a_start_of_another_backbone_is_refused(folder: Path, tmp_path: Path) -> None:
    save(tmp_path / "idn.safetensors", tiny("idn", 2, "float"))
    plan = replace(PLAN, start=tmp_path / "idn.safetensors")
    with pytest.raises(InputError, match="is idn, not edsr"):
        train(plan, tmp_path / "run", _resources(folder), Listener())
    assert not (tmp_path / "run" / "recipe.toml").exists()


@pytest.mark.parametrize(
    ("settings", "scales", "stages"),
    [
        ({"multi_scale": True}, (2, 4), ("static", "dynamic")),
        ({"multi_scale": True, "features": 8}, (2, 4), STAGES),
        ({"multi_scale": False}, (2, 4), STAGES),
        ({"multi_scale": True}, (), STAGES),
    ],
)
def test_another_scale_leads_on_from_the_start_if_its_body_knows_that_scale(
    settings: dict[str, Any], scales: tuple[int, ...], stages: tuple[str, ...]
) -> None:
    card = Card(backbone="carn", settings={"scale": 4, "features": 16} | settings)
    plan = Plan(backbone="carn", scale=2, scales=scales)
    plan = plan.with_changes({"settings": {"features": 16, "multi_scale": bool(scales)}})
    assert stages_after(card, plan) == stages
