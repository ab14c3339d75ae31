"""Networks from elsewhere: a start or a teacher, read from its file once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from cadyq_cli.errors import CheckpointError, InputError
from cadyq_cli.networks.card import Card
from cadyq_cli.networks.file import rebuilt
from cadyq_cli.networks.network import Network
from cadyq_cli.networks.official import network_from, read_state
from cadyq_cli.networks.stored import ForeignError, Stored, read
from cadyq_cli.training.recipes.plan import Plan
from cadyq_cli.training.recipes.recipe import Recipe

SCALES = (4, 3, 2)  # of the authors' checkpoints, which do not tell, but have shapes that fit


@dataclass(frozen=True)
class Given:
    """What lies in a weights file of ours, or in one of the authors'."""

    path: Path
    content: Stored | Mapping[str, Tensor]

    @classmethod
    def read(cls, path: Path) -> Given:
        """Open a file, this once.

        Raises:
            CheckpointError: it cannot be read.
        """
        try:
            return cls(path, read(path))
        except ForeignError:
            return cls(path, read_state(path))

    @property
    def card(self) -> Card | None:
        """What the file says that it is; the authors' do not say it."""
        return self.content.card if isinstance(self.content, Stored) else None

    def network(self, plan: Plan) -> Network:
        """The network; one of the authors' is taken for one of the plan's backbone.

        Raises:
            CheckpointError: it is not what it says, or is of no scale that there is.
            InputError: the authors' code has no such backbone.
        """
        if isinstance(self.content, Stored):
            try:
                return rebuilt(self.content)
            except ValueError as error:
                raise CheckpointError(self.path, str(error)) from error
        failures = []
        for scale in (plan.scale, *SCALES):
            try:
                return network_from(
                    self.content, self.path, plan.backbone, scale=scale, widths=plan.widths
                )
            except CheckpointError as error:
                failures.append(error)
        raise failures[0]


def teacher_of(plan: Plan, recipes: Sequence[Recipe], given: Given) -> Network:
    """The network that a plan names for some recipes to imitate.

    Its output can be imitated whatever its backbone is; its features need one of the same.

    Raises:
        InputError: it has another scale; or another backbone, although its features are imitated
            or there are several scales.
        CheckpointError: it is no network.
    """
    teacher = given.network(plan)
    card = teacher.card
    if card.scale != plan.scale:
        raise InputError(f"{given.path} is x{card.scale}, not x{plan.scale}")
    if card.backbone == plan.backbone:
        return teacher
    if plan.scales:
        raise InputError(f"{given.path} is {card.backbone}, which has one scale only")
    if any(recipe.distill_last or recipe.distill_blocks for recipe in recipes):
        raise InputError(
            f"{given.path} is {card.backbone}, and not {plan.backbone}, so only its output can"
            " be imitated: give `distill_output` 1 `distill_last` 0 `distill_blocks` 0"
        )
    return teacher
