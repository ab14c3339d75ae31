"""What a stage did to a network, as its card will tell it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from cadyq_cli.networks.history import Event
from cadyq_cli.training.recipes.plan import Plan, StageName, read_plan
from cadyq_cli.training.recipes.settings import settings_of

BASE = "quick"  # the recipe that a command without one takes


def event_of(
    plan: Plan, stage: StageName, *, photographs: int, device: torch.device, seconds: float | None
) -> Event:
    """A finished stage.

    Args:
        plan: Of its run. Of the files that it names only the names are kept.
        stage: Which one.
        photographs: How many it learned from.
        device: That computed.
        seconds: That it took; None where it was interrupted.
    """
    return Event(
        command=" ".join(("cadyq train DATA -o RUN", *_flags(plan, stage))),
        data=f"{photographs} photographs",
        minutes=None if seconds is None else round(seconds / 60, 1),
        machine=_machine(device),
    )


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


def _machine(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{torch.get_num_threads()} threads of a CPU"
