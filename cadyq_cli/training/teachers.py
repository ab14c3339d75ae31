"""Whom a run imitates, if its plan names a network."""

from __future__ import annotations

from collections.abc import Iterable

import torch

from cadyq_cli.checkpoint.network import Network
from cadyq_cli.errors import InputError
from cadyq_cli.training.plan import Plan, Stage
from cadyq_cli.training.stages import load_any


def given_teacher(plan: Plan, stages: Iterable[Stage], device: torch.device) -> Network | None:
    """The network that a plan names for some of its stages to imitate.

    Its output can be imitated whatever its backbone is; its features need one of the same.

    Returns:
        It, or None if none is named, or there are no stages.

    Raises:
        InputError: it has another scale; or another backbone, although its features are imitated
            or there are several scales.
        CheckpointError: it cannot be read.
    """
    recipes = [plan.recipes[stage] for stage in stages]
    if plan.teacher is None or not recipes:
        return None
    teacher = load_any(plan.teacher, plan)
    card = teacher.card
    if card.scale != plan.scale:
        raise InputError(f"{plan.teacher} is x{card.scale}, not x{plan.scale}")
    if card.backbone == plan.backbone:
        return teacher.to(device)
    if plan.scales:
        raise InputError(f"{plan.teacher} is {card.backbone}, which has one scale only")
    if any(recipe.distill_last or recipe.distill_blocks for recipe in recipes):
        raise InputError(
            f"{plan.teacher} is {card.backbone}, and not {plan.backbone}, so only its output can"
            " be imitated: give `distill_output` 1 `distill_last` 0 `distill_blocks` 0"
        )
    return teacher.to(device)
