"""The command that a stage's history tells, for others to give again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cadyq_cli.settings import settings_of
from cadyq_cli.training.recipes.plan import Plan, StageName, read_plan

BASE = "quick"  # the recipe that a command without one takes


def recorded_command(plan: Plan, stage: StageName) -> str:
    """What trains a stage of a plan. Of the files that it names only the names are told."""
    return " ".join(("cadyq train DATA -o RUN", *_flags(plan, stage)))


def _flags(plan: Plan, stage: StageName) -> Iterator[str]:
    """The flags that make of the base recipe what a stage was trained by."""
    base = read_plan(BASE)
    yield f"--stages {stage}"
    for name, value in sorted(plan.settings.items()):
        yield f"--set {name}={value}"
    for settings, usual in ((plan, base), (plan.recipes[stage], base.recipes[stage])):
        for one, _ in settings_of(type(settings)):
            value = getattr(settings, one.name)
            if value != getattr(usual, one.name) and one.name not in ("stages", "save_every"):
                yield _flag(one.name, value)


def _flag(name: str, value: Any) -> str:
    flag = name.replace("_", "-")
    if isinstance(value, bool):
        return f"--{flag}" if value else f"--{'signed' if name == 'unsigned' else f'no-{flag}'}"
    if isinstance(value, Path):
        return f"--{flag} {value.name}"
    if isinstance(value, tuple):
        return f"--{flag} {','.join(f'{each:g}' for each in value)}"
    return f"--{flag} {value:g}" if isinstance(value, float) else f"--{flag} {value}"
