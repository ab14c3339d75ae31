"""One stage of a run, from the network before it to its own."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from cadyq_cli.backbones.known import backbone as look_up
from cadyq_cli.errors import CheckpointError
from cadyq_cli.networks.card import Card
from cadyq_cli.networks.file import save
from cadyq_cli.networks.history import appended, history_of
from cadyq_cli.networks.network import Network
from cadyq_cli.quant.dial import dial_of
from cadyq_cli.quant.ranges import fit_ranges
from cadyq_cli.quant.selection import fit_selectors
from cadyq_cli.training.data.crops import Crops
from cadyq_cli.training.data.photographs import Photographs
from cadyq_cli.training.folder import RunFolder
from cadyq_cli.training.history import event_of
from cadyq_cli.training.learning.health import DivergedError
from cadyq_cli.training.learning.losses import Step
from cadyq_cli.training.learning.processes import ALONE, Processes
from cadyq_cli.training.learning.state import State, steps_of
from cadyq_cli.training.learning.stopping import finishing_the_step
from cadyq_cli.training.learning.trainer import Trainer
from cadyq_cli.training.learning.widening import folded, widened
from cadyq_cli.training.log.records import Records
from cadyq_cli.training.log.validation import Validation
from cadyq_cli.training.recipes.plan import Plan, StageName
from cadyq_cli.training.recipes.recipe import Recipe
from cadyq_cli.training.starts.carrying import executes, kept_form, requantize
from cadyq_cli.training.starts.span import refit_tail

RANGE_BATCHES = 4  # of the recipe's size, for the first bounds
DIAL_BATCHES = 16  # likewise, for the prices of bits
SELECTOR_BATCHES = 192  # likewise, for measured selectors
TAIL_PIXELS = 2**22  # of low resolution, for the refitted tail; a quarter of them counts


class Report(Protocol):
    """Follows the progress of a run."""

    def begin(self, stage: StageName, done: int, recipe: Recipe) -> None:
        """A stage starts after `done` of its steps."""

    def step(self, step: Step) -> None:
        """A step is done."""

    def saved(self, stage: StageName, step: int) -> None:
        """The state after that step was saved."""

    def validated(self, stage: StageName, step: int, psnr: float, bits: float | None) -> None:
        """The average of the weights was measured: mean PSNR in dB, mean width if quantized."""

    def finished(self, stage: str, path: Path) -> None:
        """A network was written, of a stage or with 8-bit outer layers."""

    def note(self, text: str) -> None:
        """Something that the user should know; it names settings as errors do."""


@dataclass(frozen=True, kw_only=True)
class Resources:
    """What a run works with, apart from its plan."""

    files: Sequence[Path]  # of photographs, see `survey`
    photographs: Photographs
    validation: Validation | None = None
    device: torch.device = torch.device("cpu")  # noqa: RUF009, immutable
    processes: Processes = ALONE
    workers: int = 2  # threads that cut batches ahead
    crops: Callable[..., Crops] = Crops  # makes what cuts them
    compiled: bool = False  # float networks as a whole, which takes a minute and pays on GPUs
    enough: Callable[[], bool] = lambda: False  # asked after each step: whether to stop
    accepted: Callable[[], None] = lambda: None  # called once nothing is left to be refused
    command: Callable[[Plan, StageName], str] = lambda *_: ""  # that a stage's history tells


@dataclass(frozen=True)
class Stage:
    """A stage, with all that it takes."""

    name: StageName
    plan: Plan
    resources: Resources
    report: Report
    imitated: Network | None  # the teacher that the plan names, on the device

    @property
    def recipe(self) -> Recipe:
        return self.plan.recipes[self.name]

    @property
    def crops(self) -> Crops:
        """What it learns from."""
        recipe = self.recipe
        return self.resources.crops(
            self.resources.files,
            self.plan.scale,
            seed=recipe.seed,
            texture=recipe.texture,
            contrast=recipe.contrast,
            sizes=recipe.sizes,
            degradation=self.plan.degradation,
            photographs=self.resources.photographs,
        )

    def unseen(
        self, count: int = 1, *, size: int | None = None, scale: int | None = None
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Low- and high-resolution batches that the stage is not trained on.

        Args:
            count: Of batches.
            size: Crops in each, unless as many as the recipe says.
            scale: Another one than the plan's.
        """
        recipe, device = self.recipe, self.resources.device
        for step in range(recipe.steps, recipe.steps + count):
            pair = self.crops.batch(step, size or recipe.batch, recipe.patch, scale=scale)
            yield pair[0].to(device), pair[1].to(device)

    def start(self, before: Network, *, fit: bool, steps: int | None = None) -> Trainer:
        """What trains the stage, before its first step.

        Args:
            before: What the stage begins with. It may be trained itself.
            fit: Whether to set the sites from photographs; else they are to come from a state, or
                do not matter.
            steps: Another number than the recipe's.
        """
        resources, recipe = self.resources, self.recipe
        return Trainer(
            self._student(before, fit=fit),
            recipe if steps is None else replace(recipe, steps=steps),
            self.crops,
            self._teacher(before),
            spared=self.imitated is not None,
            scales=self.plan.all_scales,
            processes=resources.processes,
            workers=resources.workers,
            compiled=resources.compiled and self.name == "float",
        )

    def train(self, before: Network, folder: RunFolder) -> None:
        """Train from where the folder's state is until the end, and write the result.

        Raises:
            CheckpointError: the state is of something else.
            DivergedError: see `Trainer.run`.
            KeyboardInterrupt: a signal asked for an end; the state is saved.
        """
        began = time.perf_counter()
        processes, state = self.resources.processes, folder.state(self.name)
        resuming = processes.broadcast(state.exists())
        trainer = self.start(before, fit=not resuming)
        if resuming:
            try:
                trainer.resume(State.load(state))
            except ValueError as error:
                raise CheckpointError(state, str(error), hint="use a new folder") from error
        self._run(trainer, folder)
        if trainer.stopped:
            raise KeyboardInterrupt
        if processes.leads:
            seconds = None if resuming else time.perf_counter() - began
            self._finish(folded(trainer.average), folder, seconds)
        processes.wait_for_leader()  # nobody reads the result before it is there

    def _student(self, before: Network, *, fit: bool) -> Network:
        recipe, layers = self.recipe, _layers(self.plan, self.name, before.card)
        as_before = executes(before.card, self.name, layers)
        network = before if as_before else requantize(before, self.name, layers)
        if self.name == "float":
            wide = as_before and recipe.widen and self.plan.start is None
            return widened(before, recipe.widen, seed=recipe.seed) if wide else network
        bits = recipe.target_bits if recipe.measure_selectors and network.candidates else None
        if fit and not (as_before and bits is None):
            self._fit_sites(network, bounds=not as_before, bits=bits)
        return network

    def _fit_sites(self, network: Network, *, bounds: bool, bits: float | None) -> None:
        """Set bounds, and selectors for an average width, from crops that are not trained on."""
        count = RANGE_BATCHES if bits is None else SELECTOR_BATCHES
        batches, truths = zip(*self.unseen(count, scale=self.plan.scale), strict=True)
        network.eval()
        if bounds:
            fit_ranges(network, lambda: [network(batch)[1] for batch in batches[:RANGE_BATCHES]])
        if bits is not None:
            fit_selectors(network, network, batches, target_bits=bits, truths=truths)

    @torch.no_grad()
    def _dial(self, network: Network) -> dict[str, list[float]]:
        batches = self.unseen(DIAL_BATCHES, scale=self.plan.scale)
        return dial_of(network, [network(low)[1] for low, _ in batches])

    def _teacher(self, before: Network) -> Network | None:
        if not self.recipe.distills:
            return None
        if self.imitated is not None:
            return self.imitated
        if self.name not in ("float", before.card.precision):
            return before.eval()
        self.report.note(f"{self.name}: trains without a teacher; `teacher` would give it one")
        return None

    def _run(self, trainer: Trainer, folder: RunFolder) -> None:
        resources, recipe, every = self.resources, self.recipe, self.plan.save_every
        records = None
        if resources.processes.leads:
            records = Records(
                folder.path, self.name, trainer.step, recipe.batch, resources.validation
            )

        def on_step(step: Step) -> None:
            if records is not None:
                records.add(step)
                self.report.step(step)
            trainer.stopping |= resources.enough()

        self.report.begin(self.name, trainer.step, recipe)
        with finishing_the_step(trainer):
            while trainer.step < recipe.steps and not trainer.stopped:
                try:
                    trainer.run(on_step, until=trainer.step + every - trainer.step % every)
                except DivergedError as error:
                    advice = _advice(folder.state(self.name))
                    raise DivergedError(f"{error}; {advice}") from error
                if records is not None:
                    self._keep(trainer, records, folder.state(self.name))
        if records is not None:
            records.close()

    def _keep(self, trainer: Trainer, records: Records, state: Path) -> None:
        records.flush()
        if trainer.healthy or trainer.step >= self.recipe.steps:
            trainer.state().save(state)
            self.report.saved(self.name, trainer.step)
        if not trainer.stopped:
            measured = records.validate(trainer.average, trainer.step)
            if measured is not None:
                self.report.validated(self.name, trainer.step, *measured)

    def _finish(self, network: Network, folder: RunFolder, seconds: float | None) -> None:
        recipe, plan = self.recipe, self.plan
        if self.name == "float" and recipe.refit_tail:
            self.report.note(
                f"{self.name}: the tail is fitted to the photographs, which takes a minute"
            )
            count = math.ceil(TAIL_PIXELS / (recipe.batch * recipe.patch**2))
            refit_tail(network, self.unseen(count), floor=recipe.loss_floor)
        if network.candidates and self.name == "dynamic":
            network.card = replace(network.card, dial=self._dial(network))
        photographs = len(self.resources.files)
        about = {"stage": self.name, "recipe": asdict(recipe), "photographs": photographs}
        done = event_of(
            self.resources.command(plan, self.name),
            photographs=photographs,
            device=self.resources.device,
            seconds=seconds,
        )
        before = history_of(network.card)
        for scale in (*plan.all_scales, plan.scale):
            settings = {**network.card.settings, "scale": scale}
            card = replace(network.card, settings=settings, about=about)
            network.card = appended(card, done, before=before)
            save(folder.network_at(self.name, scale, plan), network)
        self.report.finished(self.name, folder.network(self.name))


def _layers(plan: Plan, stage: StageName, before: Card) -> dict[str, Any]:
    """The settings of a stage's execution, which follows a network with a card."""
    if stage == "float":
        return {}
    layers: dict[str, Any] = {"unsigned": plan.unsigned, "relative": plan.relative}
    if stage == "dynamic":
        layers |= {"widths": plan.widths, "logarithmic": plan.logarithmic}
        layers |= {"gradient_scale": look_up(plan.backbone).gradient_scale}
    return layers | kept_form(before)


def _advice(state: Path) -> str:
    if not state.exists():
        return "no state was saved yet; try a smaller `learning_rate`, or `clip_gradient`"
    return (
        f"{state} is kept as of step {steps_of(state)}; the same command continues from there,"
        " best with a smaller `learning_rate` or with `clip_gradient`"
    )
