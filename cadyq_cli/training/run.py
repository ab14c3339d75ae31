"""A training run: its stages one after the other, in a folder that it can be resumed from.

RUN/float.safetensors     each finished stage's network, float32
RUN/static.safetensors
RUN/dynamic.safetensors
RUN/STAGE.state           what an unfinished stage goes on from
"""

from __future__ import annotations

import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, Protocol

import torch

from cadyq_cli.backbones.registry import backbone as look_up
from cadyq_cli.checkpoint.card import Card
from cadyq_cli.checkpoint.file import is_ours, load, save
from cadyq_cli.checkpoint.network import Network
from cadyq_cli.checkpoint.official import load_official
from cadyq_cli.errors import InputError
from cadyq_cli.quant.ranges import fit_ranges
from cadyq_cli.quant.selection import fit_selectors
from cadyq_cli.training.loop import Step, Trainer
from cadyq_cli.training.photos import Photos
from cadyq_cli.training.recipe import STAGES, Recipe, Stage
from cadyq_cli.training.stages import requantize, start, traces_of
from cadyq_cli.training.state import State
from cadyq_cli.training.validation import Validation

RANGE_BATCHES = 4  # of the recipe's size, for the first bounds
SELECTOR_BATCHES = 32  # likewise, for measured selectors


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to train."""

    backbone: str
    scale: int
    recipes: Mapping[Stage, Recipe]
    stages: tuple[Stage, ...] = STAGES
    settings: Mapping[str, Any] = field(default_factory=dict)  # of the backbone, beside the scale
    widths: tuple[int, ...] = (4, 6, 8)
    unsigned: bool = True  # unsigned grids where features cannot be negative
    start: Path | None = None  # weights that the first stage starts from
    save_every: int = 200  # steps between saved states, and validations


class Report(Protocol):
    """Who wants to know how a run goes."""

    def begin(self, stage: Stage, done: int, steps: int) -> None:
        """A stage starts after `done` of its steps."""

    def step(self, step: Step) -> None:
        """A step is done."""

    def validated(self, stage: Stage, step: int, psnr: float, bits: float | None) -> None:
        """The average of the weights was measured: mean PSNR in dB, mean width if quantized."""

    def finished(self, stage: Stage, path: Path) -> None:
        """A stage's network was written."""


def train(
    plan: Plan,
    files: Sequence[Path],
    folder: Path,
    report: Report,
    *,
    validation: Validation | None = None,
    device: torch.device | str = "cpu",
) -> Path:
    """Run the plan's stages that the folder does not hold yet; returns the last one's weights.

    Raises:
        InputError: the plan does not fit the folder or the start.
        CheckpointError: the start or a state cannot be read.
        DivergedError: the loss is no number; the last state is kept.
        KeyboardInterrupt: SIGINT or SIGTERM came; the state after the last step is saved.
    """
    network = _first(plan, device)
    for stage in plan.stages:
        result = folder / f"{stage}.safetensors"
        if result.exists():
            network = load(result, device=device)
            continue
        photos = Photos(files, plan.scale, seed=plan.recipes[stage].seed)
        network = _stage(plan, stage, network, photos, folder, report, validation)
        save(result, network)
        (folder / f"{stage}.state").unlink(missing_ok=True)
        report.finished(stage, result)
    return folder / f"{plan.stages[-1]}.safetensors"


def _first(plan: Plan, device: torch.device | str) -> Network:
    if plan.start is None:
        settings = {**plan.settings, "scale": plan.scale}
        seed = plan.recipes[plan.stages[0]].seed
        return start(Card(backbone=plan.backbone, settings=settings), seed=seed).to(device)
    if is_ours(plan.start):
        network = load(plan.start, device=device)
    else:
        network = load_official(plan.start, backbone=plan.backbone, scale=plan.scale, device=device)
    if (network.card.backbone, network.card.scale) != (plan.backbone, plan.scale):
        have = f"{network.card.backbone} x{network.card.scale}"
        raise InputError(f"{plan.start} is {have}, not {plan.backbone} x{plan.scale}")
    return network


def _stage(
    plan: Plan,
    stage: Stage,
    before: Network,
    photos: Photos,
    folder: Path,
    report: Report,
    validation: Validation | None,
) -> Network:
    recipe = plan.recipes[stage]
    network = before
    if stage != before.card.precision:
        network = requantize(before, stage, _layers(plan, stage))
        if stage != "float":
            _prepare(network, recipe, photos)
    teacher = before.eval() if stage != before.card.precision else None
    trainer = Trainer(network, recipe, photos, teacher)
    state = folder / f"{stage}.state"
    if state.exists():
        trainer.resume(State.load(state))

    report.begin(stage, trainer.step, recipe.steps)
    with _finishing_the_step(trainer):
        while trainer.step < recipe.steps and not trainer.stopping:
            trainer.run(report.step, until=trainer.step + plan.save_every)
            trainer.state().save(state)
            if validation is not None and not trainer.stopping:
                report.validated(stage, trainer.step, *validation(trainer.average))
    if trainer.stopping:
        raise KeyboardInterrupt
    return trainer.average.eval()


def _prepare(network: Network, recipe: Recipe, photos: Photos) -> None:
    """Set the bounds, and where the recipe says so the selectors, from batches not trained on."""
    device = next(network.parameters()).device
    count = SELECTOR_BATCHES if recipe.measure_selectors else RANGE_BATCHES
    unseen = range(recipe.steps, recipe.steps + count)
    batches = [photos.batch(i, recipe.batch, recipe.patch)[0].to(device) for i in unseen]
    network.eval()
    fit_ranges(network, traces_of(network, batches[:RANGE_BATCHES]))
    if recipe.measure_selectors and recipe.target_bits is not None:
        fit_selectors(network, network, batches, target_bits=recipe.target_bits)


def _layers(plan: Plan, stage: Stage) -> dict[str, Any]:
    if stage == "dynamic":
        scale = look_up(plan.backbone).gradient_scale
        return {"widths": plan.widths, "unsigned": plan.unsigned, "gradient_scale": scale}
    return {"unsigned": plan.unsigned} if stage == "static" else {}


@contextmanager
def _finishing_the_step(trainer: Trainer) -> Iterator[None]:
    """Let SIGINT and SIGTERM end the training between two steps, not within one."""

    def stop(signum: int, frame: FrameType | None) -> None:  # noqa: ARG001
        trainer.stopping = True

    handled = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, stop) for number in handled]
    try:
        yield
    finally:
        for number, handler in zip(handled, before, strict=True):
            signal.signal(number, handler)
