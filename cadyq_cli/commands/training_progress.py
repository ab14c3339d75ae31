"""What `cadyq train` says while it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from cadyq_cli.commands.flags import with_flags
from cadyq_cli.escaping import escaped

if TYPE_CHECKING:
    from pathlib import Path

    from cadyq_cli.training.learning.losses import Step
    from cadyq_cli.training.recipes.plan import StageName
    from cadyq_cli.training.recipes.recipe import Recipe


def say(line: str) -> None:
    from tqdm import tqdm

    with tqdm.external_write_mode():
        typer.echo(escaped(line), err=True)


class Progress:
    """A run's progress: a bar on a terminal, else a line for each state; one for a validation."""

    hidden = None  # bars are, unless there is a terminal

    def __init__(self, command: Any) -> None:
        self._command = command  # notes name its flags
        self._bar: Any = None
        self._batch = self._steps = 0
        self._shown: dict[str, str] = {}

    def begin(self, stage: StageName, done: int, recipe: Recipe) -> None:
        from tqdm import tqdm

        self._batch, self._steps, self._shown = recipe.batch, recipe.steps, {}
        self._bar = tqdm(
            total=recipe.steps,
            initial=done,
            desc=stage,
            unit="step",
            disable=None,
            smoothing=0.05,
            dynamic_ncols=True,
        )

    def step(self, step: Step) -> None:
        self._shown["loss"] = f"{step.truth:.2f}"
        if step.average_bits is not None:
            self._shown["bits"] = f"{step.average_bits:.2f}"
        if rate := self._bar.format_dict["rate"]:
            self._shown["images/s"] = f"{rate * self._batch:.0f}"
        self._bar.set_postfix(self._shown, refresh=False)
        self._bar.update()

    def saved(self, stage: StageName, step: int) -> None:
        if self._bar.disable:
            shown = ", ".join(
                f"{name} {self._shown[name]}" for name in ("loss", "bits") if name in self._shown
            )
            say(f"{stage}, step {step} of {self._steps}: {shown}")

    def validated(self, stage: StageName, step: int, psnr: float, bits: float | None) -> None:
        self._shown["dB"] = f"{psnr:.2f}"
        width = "" if bits is None else f", {bits:.2f} bits"
        say(f"{stage}, step {step}: {psnr:.2f} dB{width}")

    def finished(self, stage: str, path: Path) -> None:
        self.close()
        say(f"{stage}: {path}")

    def note(self, text: str) -> None:
        say(with_flags(text, self._command))

    def close(self) -> None:
        if self._bar is not None and not self._bar.disable:
            self._bar.close()


class Silence:
    """What processes other than the first say, and the first if it is to be quiet."""

    hidden = True

    def begin(self, stage: StageName, done: int, recipe: Recipe) -> None: ...
    def step(self, step: Step) -> None: ...
    def saved(self, stage: StageName, step: int) -> None: ...
    def validated(self, stage: StageName, step: int, psnr: float, bits: float | None) -> None: ...
    def finished(self, stage: str, path: Path) -> None: ...
    def note(self, text: str) -> None: ...
    def close(self) -> None: ...
