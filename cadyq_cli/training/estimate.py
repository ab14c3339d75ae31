"""How long a run will take, from a few steps of each stage."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

from cadyq_cli.checkpoint.network import Network
from cadyq_cli.training.loop import Trainer
from cadyq_cli.training.plan import Plan, Stage
from cadyq_cli.training.run import Resources, photos_of
from cadyq_cli.training.stages import executes, layers_of, requantize
from cadyq_cli.training.teachers import given_teacher

WARM_UP = 2  # steps before the clock runs: compilation, caches, first images
TIMED = 5


def seconds_a_step(
    plan: Plan, stages: Sequence[Stage], network: Network, resources: Resources
) -> Iterator[tuple[Stage, float]]:
    """What a step of each stage takes on this machine as busy as it is now.

    Validations, and the measuring of bounds and selectors, come on top.

    Args:
        plan: What would run.
        stages: Which of its stages.
        network: What it would start from.
        resources: What it would work with, in one process.
    """
    for stage in stages:
        recipe = replace(plan.recipes[stage], steps=WARM_UP + TIMED)
        layers = layers_of(plan, stage)
        ready = executes(network.card, stage, layers)
        student = network if ready else requantize(network, stage, layers)
        trainer = Trainer(
            student,
            recipe,
            photos_of(plan, recipe, resources),
            given_teacher(plan, [stage], resources.device) or (None if ready else network),
            scales=plan.all_scales,
            workers=resources.workers,
        )
        trainer.run(lambda _: None, until=WARM_UP)
        began = time.perf_counter()
        trainer.run(lambda _: None)
        yield stage, (time.perf_counter() - began) / TIMED
