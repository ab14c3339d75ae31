"""A training run: its stages one after the other, in a folder from which it can be resumed."""

from __future__ import annotations

import math
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import FrameType
from typing import Any, Protocol

import torch
from torch import Tensor

from cadyq_cli.atomic import remove_leftovers, write_whole
from cadyq_cli.checkpoint.file import load, save
from cadyq_cli.checkpoint.network import Network
from cadyq_cli.edges.static import with_static_edges
from cadyq_cli.errors import CheckpointError
from cadyq_cli.quant.ranges import fit_ranges
from cadyq_cli.quant.selection import fit_selectors
from cadyq_cli.signals import ending
from cadyq_cli.training.arithmetic import Mixed
from cadyq_cli.training.divergence import DivergedError
from cadyq_cli.training.loop import Step, Trainer
from cadyq_cli.training.pairs import Pairs
from cadyq_cli.training.photos import Photos
from cadyq_cli.training.plan import Plan, Stage, read_plan
from cadyq_cli.training.processes import ALONE, Processes
from cadyq_cli.training.recipe import Recipe
from cadyq_cli.training.records import Records
from cadyq_cli.training.run_folder import RunFolder, stages_left
from cadyq_cli.training.stages import (
    Crops,
    check_fit,
    executes,
    first,
    layers_of,
    requantize,
    stages_of,
    traces_of,
)
from cadyq_cli.training.state import State, steps_of
from cadyq_cli.training.tail import refit_tail
from cadyq_cli.training.teachers import given_teacher
from cadyq_cli.training.validation import Validation
from cadyq_cli.training.widening import folded, widened

RANGE_BATCHES = 4  # of the recipe's size, for the first bounds
SELECTOR_BATCHES = 192  # likewise, for measured selectors
EDGE_BATCHES = 32  # likewise, for the largest values at the edges
TAIL_PIXELS = 2**22  # of low resolution, for the refitted tail; a quarter of them counts


class Report(Protocol):
    """Follows the progress of a run."""

    def begin(self, stage: Stage, done: int, recipe: Recipe) -> None:
        """A stage starts after `done` of its steps."""

    def step(self, step: Step) -> None:
        """A step is done."""

    def saved(self, stage: Stage, step: int) -> None:
        """The state after that step was saved."""

    def validated(self, stage: Stage, step: int, psnr: float, bits: float | None) -> None:
        """The average of the weights was measured: mean PSNR in dB, mean width if quantized."""

    def finished(self, stage: str, path: Path) -> None:
        """A network was written, of a stage or with 8-bit edges."""

    def note(self, text: str) -> None:
        """Something that the user should know."""


@dataclass(frozen=True, kw_only=True)
class Resources:
    """What a run works with, apart from its plan."""

    photographs: Sequence[Path]  # see `survey`
    pairs: Pairs
    validation: Validation | None = None
    device: torch.device = torch.device("cpu")  # noqa: RUF009, immutable
    processes: Processes = ALONE
    workers: int = 2  # threads that cut batches ahead
    accepted: Callable[[], None] = lambda: None  # called once nothing is left to be refused


def train(plan: Plan, folder: Path, resources: Resources, report: Report) -> Path:
    """Run the plan's stages that the folder does not hold yet; returns the last one's weights.

    Of several processes each calls this, and all see the same folder.

    Raises:
        InputError: the plan does not fit the folder, the start, the teacher or the resources.
        CheckpointError: the start, the teacher or a state cannot be read.
        DivergedError: the loss is not a number, or far above what it was; the last good state is
            kept.
        KeyboardInterrupt: a signal asked for an end. The state after the last step is saved, or
            an earlier one kept if the loss has risen since.
    """
    processes, device = resources.processes, resources.device
    run = RunFolder(folder)
    if processes.leads:
        run.make()
        remove_leftovers(folder)
    plan = replace(plan, stages=plan.stages or stages_of(plan))
    left = processes.broadcast(stages_left(plan, run) if processes.leads else None)
    done = plan.stages[: len(plan.stages) - len(left)]
    if done:
        network = _finished(plan, run, done[-1], device)
    else:
        network = first(plan, device, report.note, _crops(plan, run, resources))
    given_teacher(plan, left, device)
    for stage in left:
        _check_resources(plan.recipes[stage], resources)
    if not left:
        report.note("all stages are done, with settings as they were")
    if processes.leads:  # not before: what is refused can be put right
        _remember(plan, run, resources, unfinished=bool(left))
    for stage in left:
        _Stage(plan, stage, run, resources, report).train(network)
        network = _finished(plan, run, stage, device)
    if not plan.edges or network.card.precision == "float":
        return run.network(plan.stages[-1])
    if processes.leads:
        _write_edges(plan, run, resources)
        report.finished("edges", run.network("edges"))
    return run.network("edges")


@dataclass(frozen=True)
class _Stage:
    """One stage of a run."""

    plan: Plan
    stage: Stage
    folder: RunFolder
    resources: Resources
    report: Report

    @property
    def recipe(self) -> Recipe:
        return self.plan.recipes[self.stage]

    def train(self, before: Network) -> None:
        """Train until the end, and write the result."""
        resources, recipe = self.resources, self.recipe
        photos = photos_of(self.plan, recipe, resources)
        state = self.folder.state(self.stage)
        resuming = resources.processes.broadcast(state.exists())
        network = self._student(before, None if resuming else photos)
        trainer = Trainer(
            network,
            recipe,
            photos,
            self._teacher(before),
            scales=self.plan.all_scales,
            processes=resources.processes,
            workers=resources.workers,
        )
        if resuming:
            try:
                trainer.resume(State.load(state))
            except ValueError as error:
                raise CheckpointError(state, str(error), hint="use a new folder") from error
        self._run(trainer, state)
        if trainer.stopped:
            raise KeyboardInterrupt
        if resources.processes.leads:
            network = folded(trainer.average)
            if self.stage == "float" and recipe.refit_tail:
                self._refit_tail(network, photos)
            self._finish(network)
        resources.processes.wait_for_leader()  # nobody reads the result before it is there

    def _student(self, before: Network, photos: Photos | None) -> Network:
        """The network to train; its sites are set from photographs that it is not trained on."""
        recipe, layers = self.recipe, layers_of(self.plan, self.stage)
        as_before = executes(before.card, self.stage, layers)
        if self.stage == "float":
            if as_before and recipe.widen and self.plan.start is None:
                return widened(before, recipe.widen, seed=recipe.seed)
            return before if as_before else requantize(before, self.stage, layers)
        network = before if as_before else requantize(before, self.stage, layers)
        bits = recipe.target_bits if recipe.measure_selectors and network.candidates else None
        if photos is None or (as_before and bits is None):
            return network
        count = RANGE_BATCHES if bits is None else SELECTOR_BATCHES
        batches, truths = _unseen(photos, recipe, count, self.plan.scale, self.resources.device)
        network.eval()
        if not as_before:
            fit_ranges(network, traces_of(network, batches[:RANGE_BATCHES]))
        if bits is not None:
            fit_selectors(network, network, batches, target_bits=bits, truths=truths)
        return network

    def _teacher(self, before: Network) -> Network | None:
        if not self.recipe.distills:
            return None
        if self.plan.teacher is not None:
            return given_teacher(self.plan, [self.stage], self.resources.device)
        if self.stage not in ("float", before.card.precision):
            return before.eval()
        self.report.note(f"{self.stage}: trains without a teacher; `teacher` would give it one")
        return None

    def _run(self, trainer: Trainer, state: Path) -> None:
        leads, recipe = self.resources.processes.leads, self.recipe
        records = None
        if leads:
            records = Records(
                self.folder.path, self.stage, trainer.step, recipe.batch, self.resources.validation
            )

        def on_step(step: Step) -> None:
            if records is not None:
                records.add(step)
                self.report.step(step)

        self.report.begin(self.stage, trainer.step, recipe)
        with _finishing_the_step(trainer):
            while trainer.step < recipe.steps:
                due = trainer.step + self.plan.save_every - trainer.step % self.plan.save_every
                try:
                    trainer.run(on_step, until=due)
                except DivergedError as error:
                    raise DivergedError(f"{error}; {_advice(state)}") from error
                if records is not None:
                    self._keep(trainer, records, state)
                if trainer.stopped:
                    break
        if records is not None:
            records.close()

    def _keep(self, trainer: Trainer, records: Records, state: Path) -> None:
        records.flush()
        if trainer.healthy or trainer.step >= self.recipe.steps:
            trainer.state().save(state)
            self.report.saved(self.stage, trainer.step)
        if not trainer.stopped:
            measured = records.validate(trainer.average, trainer.step)
            if measured is not None:
                self.report.validated(self.stage, trainer.step, *measured)

    def _refit_tail(self, network: Network, photos: Photos) -> None:
        recipe, device = self.recipe, self.resources.device
        self.report.note(
            f"{self.stage}: the tail is fitted to the photographs, which takes a minute"
        )
        count = math.ceil(TAIL_PIXELS / (recipe.batch * recipe.patch**2))
        steps = range(recipe.steps, recipe.steps + count)
        batches = (photos.batch(step, recipe.batch, recipe.patch) for step in steps)
        crops = ((low.to(device), high.to(device)) for low, high in batches)
        refit_tail(network, crops, floor=recipe.loss_floor)

    def _finish(self, network: Network) -> None:
        about = {
            "stage": self.stage,
            "recipe": asdict(self.recipe),
            "photographs": len(self.resources.photographs),
        }
        for scale in (*self.plan.all_scales, self.plan.scale):
            settings = {**network.card.settings, "scale": scale}
            network.card = replace(network.card, settings=settings, about=about)
            save(self.folder.network_at(self.stage, scale, self.plan), network)
        self.report.finished(self.stage, self.folder.network(self.stage))


def _remember(plan: Plan, folder: RunFolder, resources: Resources, *, unfinished: bool) -> None:
    """Write down what a run is made with; of a finished one only the edges may be new."""
    if unfinished:
        resources.accepted()
    elif folder.recipe.exists():
        plan = replace(read_plan(str(folder.recipe)), edges=plan.edges)
    write_whole(folder.recipe, plan.to_toml().encode())


def _check_resources(recipe: Recipe, resources: Resources) -> None:
    """Raise an `InputError` for a recipe that these processes and devices cannot follow."""
    resources.processes.share(recipe.batch)
    Mixed.of(recipe.arithmetic, resources.device)


def photos_of(plan: Plan, recipe: Recipe, resources: Resources) -> Photos:
    """What a stage learns from."""
    return Photos(
        resources.photographs,
        plan.scale,
        seed=recipe.seed,
        texture=recipe.texture,
        contrast=recipe.contrast,
        sizes=recipe.sizes,
        pairs=resources.pairs,
    )


def _crops(plan: Plan, folder: RunFolder, resources: Resources) -> Crops | None:
    """What the weights that a run begins with are fitted to, crops that it is not trained on.

    None where they come from a state.
    """
    stage = plan.stages[0]
    if stage == "float" and resources.processes.broadcast(folder.state(stage).exists()):
        return None
    recipe = plan.recipes[stage]
    photos = photos_of(plan, recipe, resources)

    def crops(pixels: int) -> tuple[Tensor, Tensor]:
        return photos.batch(recipe.steps, math.ceil(pixels / recipe.patch**2), recipe.patch)

    return crops


def _unseen(
    photos: Photos, recipe: Recipe, count: int, scale: int, device: torch.device
) -> tuple[list[Tensor], list[Tensor]]:
    """Low- and high-resolution batches of a stage that it is not trained on."""
    steps = range(recipe.steps, recipe.steps + count)
    pairs = (photos.batch(step, recipe.batch, recipe.patch, scale=scale) for step in steps)
    lows, highs = zip(*pairs, strict=True)
    return [low.to(device) for low in lows], [high.to(device) for high in highs]


def _finished(plan: Plan, folder: RunFolder, stage: Stage, device: torch.device) -> Network:
    """What a stage came to."""
    path = folder.network(stage)
    network = load(path, device=device)
    check_fit(plan, network, path)
    return network


def _write_edges(plan: Plan, folder: RunFolder, resources: Resources) -> None:
    """Write the last stage's networks once more, with 8-bit edges."""
    stage = plan.stages[-1]
    recipe = plan.recipes[stage]
    photos = photos_of(plan, recipe, resources)
    for scale in plan.all_scales:
        network = load(folder.network_at(stage, scale, plan), device=resources.device)
        batches, _ = _unseen(photos, recipe, EDGE_BATCHES, scale, resources.device)
        save(folder.network_at("edges", scale, plan), with_static_edges(network, batches))


def _advice(state: Path) -> str:
    if not state.exists():
        return "no state was saved yet; try a smaller `learning_rate`, or `clip_gradient`"
    return (
        f"{state} is kept as of step {steps_of(state)}; the same command continues from there,"
        " best with a smaller `learning_rate` or with `clip_gradient`"
    )


@contextmanager
def _finishing_the_step(trainer: Trainer) -> Iterator[None]:
    """Let Ctrl-C and `ending` signals end the training between two steps, not within one.

    A second signal takes effect at once.
    """

    def stop(signum: int, frame: FrameType | None) -> None:  # noqa: ARG001
        trainer.stopping = True
        signal.signal(signum, before[signum])

    before: dict[int, Any] = {n: signal.getsignal(n) for n in (signal.SIGINT, *ending())}
    for number in before:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
