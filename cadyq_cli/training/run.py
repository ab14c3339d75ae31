"""A training run: its stages one after the other, in a folder from which it can be resumed."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from torch import Tensor

from cadyq_cli.atomic import remove_leftovers, write_whole
from cadyq_cli.errors import InputError
from cadyq_cli.networks.file import load, save
from cadyq_cli.networks.network import Network
from cadyq_cli.outer_layers.static import with_static_outer_layers
from cadyq_cli.training.folder import RunFolder
from cadyq_cli.training.learning.arithmetic import Mixed
from cadyq_cli.training.recipes.plan import Plan, StageName, read_plan
from cadyq_cli.training.stages import Report, Resources, Stage
from cadyq_cli.training.starts.given import Given, teacher_of
from cadyq_cli.training.starts.start import Start, stages_after, start_of

OUTER_BATCHES = 32  # of the recipe's size, for the largest values at the outer layers
WARM_UP = 2  # steps before the clock runs: compilation, caches, first images
TIMED = 5


@dataclass(frozen=True)
class Run:
    """A run that nothing is wrong with, as far as can be told without photographs."""

    plan: Plan  # with the names of its stages
    folder: RunFolder
    left: tuple[StageName, ...]  # stages that the folder does not hold yet
    start: Start  # what the first of them begins with
    teacher: Network | None  # that the plan names, if there is anything left to teach

    @classmethod
    def open(cls, plan: Plan, folder: Path, *, read: Callable[[Path], Given] = Given.read) -> Run:
        """Load what a plan names, each file once, and refuse what does not fit; writes nothing.

        Args:
            plan: What to train.
            folder: Where the run is, or will be.
            read: Opens a weights file, unless that has been done.

        Raises:
            InputError: the plan does not fit the folder, the start or the teacher.
            CheckpointError: the start, the teacher, a state or a finished stage cannot be read.
        """
        files, read = RunFolder(folder), cache(read)
        start = None
        if not plan.stages:
            start = start_of(plan, read)
            plan = replace(plan, stages=stages_after(start.origin, plan))
        left = files.stages_left(plan)
        if done := plan.stages[: len(plan.stages) - len(left)]:
            start = Start(_finished(plan, files.network(done[-1])))
        elif start is None:
            start = start_of(plan, read)
        teacher = None
        if plan.teacher is not None and left:
            teacher = teacher_of(plan, [plan.recipes[name] for name in left], read(plan.teacher))
        return cls(plan, files, left, start, teacher)

    def estimate(self, resources: Resources, report: Report) -> Iterator[tuple[StageName, float]]:
        """What a step of each stage that is left takes on this machine, as busy as it is, seconds.

        Validations, and all that is fitted to photographs, come on top. The run is of no use
        afterwards.

        Args:
            resources: What it would work with, in one process.
            report: Is told what is to be noted.
        """
        if self.start.note:
            report.note(self.start.note)
        network = self.start.network.to(resources.device)
        for stage in self._stages(resources, report):
            trainer = stage.start(network, fit=False, steps=WARM_UP + TIMED)
            trainer.run(lambda _: None, until=WARM_UP)
            began = time.perf_counter()
            trainer.run(lambda _: None)
            yield stage.name, (time.perf_counter() - began) / TIMED

    def train(self, resources: Resources, report: Report) -> Path:
        """Run the stages that are left; returns the last one's weights.

        Of several processes each calls this, and all see the same folder.

        Raises:
            InputError: the plan does not fit the resources.
            DivergedError: the loss is not a number, or far above what it was; the last good state
                is kept.
            KeyboardInterrupt: a signal asked for an end. The state after the last step is saved,
                or an earlier one kept if the loss has risen since.
        """
        plan, folder, leads = self.plan, self.folder, resources.processes.leads
        if leads:
            folder.make()
            remove_leftovers(folder.path)
        network = self._begun(resources, report)
        for recipe in (plan.recipes[name] for name in self.left):
            resources.processes.share(recipe.batch)
            Mixed.of(recipe.arithmetic, resources.device)
        if not self.left:
            report.note("all stages are done, with settings as they were")
        if leads:  # not before: what is refused can be put right
            self._remember(resources)
        for stage in self._stages(resources, report):
            stage.train(network, folder)
            network = _finished(plan, folder.network(stage.name)).to(resources.device)
        done = network.card.precision == "float" or network.card.layers.get("edges") == "static"
        if done or not plan.edges:
            return folder.network(plan.stages[-1])
        if leads:
            self._write_outer_layers(self._stage(plan.stages[-1], resources, report))
            report.finished("edges", folder.network("edges"))
        return folder.network("edges")

    def _stage(self, name: StageName, resources: Resources, report: Report) -> Stage:
        teacher = None if self.teacher is None else self.teacher.to(resources.device)
        return Stage(name, self.plan, resources, report, teacher)

    def _stages(self, resources: Resources, report: Report) -> Iterator[Stage]:
        return (self._stage(name, resources, report) for name in self.left)

    def _begun(self, resources: Resources, report: Report) -> Network:
        """What the first stage begins with, fitted to crops that it is not trained on.

        It need not be where its own state is what it continues from.
        """
        start, first = self.start, self.plan.stages[0]
        resuming = first == "float" and resources.processes.broadcast(
            self.folder.state(first).exists()
        )
        if start.fit is not None and not resuming:
            stage = self._stage(first, resources, report)

            def cut(pixels: int) -> tuple[Tensor, Tensor]:
                (pair,) = stage.unseen(size=math.ceil(pixels / stage.recipe.patch**2))
                return pair[0].cpu(), pair[1].cpu()

            start.fit(cut)
        if start.note:
            report.note(start.note)
        return start.network.to(resources.device)

    def _remember(self, resources: Resources) -> None:
        """Write down what the run is made with; if it is finished, outer layers may be new."""
        plan, path = self.plan, self.folder.recipe
        if self.left:
            resources.accepted()
        elif path.exists():
            plan = replace(read_plan(str(path)), edges=plan.edges)
        write_whole(path, plan.to_toml().encode())

    def _write_outer_layers(self, stage: Stage) -> None:
        """Write the last stage's networks once more, with 8-bit outer layers."""
        for scale in self.plan.all_scales:
            path = self.folder.network_at(stage.name, scale, self.plan)
            network = load(path, device=stage.resources.device)
            batches = [low for low, _ in stage.unseen(OUTER_BATCHES, scale=scale)]
            path = self.folder.network_at("edges", scale, self.plan)
            save(path, with_static_outer_layers(network, batches))


def _finished(plan: Plan, path: Path) -> Network:
    """What a stage came to, if it is of the plan's kind."""
    network = load(path)
    have, want = (network.card.backbone, network.card.scale), (plan.backbone, plan.scale)
    if have != want:
        raise InputError(f"{path} is {have[0]} x{have[1]}, not {want[0]} x{want[1]}")
    return network
