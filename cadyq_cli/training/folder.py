"""What lies in the folder of a training run.

RUN/recipe.toml           the plan, all settings spelled out
RUN/photographs.json      what the check of the images found
RUN/STAGE.safetensors     a finished stage's network, float32: float, static, dynamic
RUN/STAGE-xS.safetensors  the same at the other scales S, if one body learns several
RUN/edges.safetensors     the last of them with outer layers in whole numbers, if the plan asks
RUN/STAGE.state           what a stage continues from, if it is unfinished or gets more steps
RUN/.lock                 locked while a process trains here
RUN/metrics.csv           see `log.table`
RUN/curves.png            the same, drawn
RUN/bitmaps/              where the bits of a validation image go
RUN/tensorboard/          if TensorBoard is installed
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import dropwhile
from pathlib import Path

from cadyq_cli.errors import FileError, InputError
from cadyq_cli.locking import lock
from cadyq_cli.training.learning.state import steps_of
from cadyq_cli.training.recipes.plan import RECIPE_FILE, STAGES, Plan, StageName


@dataclass(frozen=True)
class RunFolder:
    """The files of a run, by name, and what they tell of its progress."""

    path: Path

    @property
    def recipe(self) -> Path:
        """The plan."""
        return self.path / RECIPE_FILE

    @property
    def photographs(self) -> Path:
        """What the check of the images found."""
        return self.path / "photographs.json"

    def network(self, name: str) -> Path:
        """The network of a stage, or the one with whole outer layers; of the plan's scale."""
        return self.path / f"{name}.safetensors"

    def network_at(self, name: str, scale: int, plan: Plan) -> Path:
        """The same at one of the scales that a plan's body learns."""
        return self.network(name if scale == plan.scale else f"{name}-x{scale}")

    def state(self, stage: StageName) -> Path:
        """What a stage continues from."""
        return self.path / f"{stage}.state"

    def make(self) -> None:
        """Make the folder, if it is not there.

        Raises:
            FileError: it cannot be made.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise FileError(self.path, f"cannot be made: {error.strerror or error}") from error

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Make the folder, and keep other trainings out until the context or the process ends.

        Where the file system knows no locks, nothing is kept out.

        Raises:
            FileError: another training is at work there, or the folder cannot be written to.
        """
        self.make()
        try:
            file = (self.path / ".lock").open("ab")
        except OSError as error:
            reason = f"cannot be written to: {error.strerror or error}"
            raise FileError(self.path, reason) from error
        with file:
            try:
                lock(file)
            except BlockingIOError as error:
                reason = "another training is at work in this folder"
                hint = "wait for its end, or use a new folder"
                raise FileError(self.path, reason, hint=hint) from error
            except OSError:
                pass  # this file system knows no locks
            yield

    def has_begun(self, stage: StageName) -> bool:
        return self.network(stage).exists() or self.state(stage).exists()

    def has_finished(self, stage: StageName, steps: int) -> bool:
        """Whether a stage has a result, of so many steps as far as its state still tells.

        Raises:
            CheckpointError: the state cannot be read.
        """
        state = self.state(stage)
        return self.network(stage).exists() and (not state.exists() or steps_of(state) >= steps)

    def stages_left(self, plan: Plan) -> tuple[StageName, ...]:
        """The stages that a plan names and the folder does not hold yet.

        Raises:
            InputError: one of them lacks steps, but another has begun from its result.
            CheckpointError: a state cannot be read.
        """

        def is_done(stage: StageName) -> bool:
            if self.has_finished(stage, plan.recipes[stage].steps):
                return True
            later = [other for other in _after(stage) if self.has_begun(other)]
            if later and self.network(stage).exists():
                reason = f"{stage} cannot have more steps once {later[0]} has begun from it"
                raise InputError(f"{self.path}: {reason}; use a new folder, with `start`")
            return False

        return tuple(dropwhile(is_done, plan.stages))


def keeping_finished(plan: Plan, before: Plan, folder: RunFolder) -> Plan:
    """The plan, with the recipes of `before` for what a folder holds already.

    Only the last stage that was begun takes other settings, if it has steps to go.

    Raises:
        CheckpointError: a state cannot be read.
    """
    begun = [stage for stage in plan.stages or before.stages if folder.has_begun(stage)]
    if begun and not folder.has_finished(begun[-1], plan.recipes[begun[-1]].steps):
        begun.pop()
    return replace(plan, recipes={**plan.recipes, **{s: before.recipes[s] for s in begun}})


def _after(stage: StageName) -> tuple[StageName, ...]:
    return STAGES[STAGES.index(stage) + 1 :]
