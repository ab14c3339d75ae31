"""Whether a training still leads on, judged by its loss."""

from __future__ import annotations

import math
from dataclasses import dataclass

from cadyq_cli.errors import CadyqError
from cadyq_cli.training.learning.losses import Step

RECENT = 0.98  # decay a step of the mean loss that divergence is judged by
WARM_UP = 100  # steps before it is judged
DIVERGED = 5.0  # times the lowest mean loss so far
WILDEST = 10.0  # likewise, that one step counts for; it takes 30 of them to diverge
UNHEALTHY = 2.0  # likewise; from there on states are not worth keeping


class DivergedError(CadyqError):
    """The loss is no longer a number, or far above what it was."""


@dataclass(slots=True)
class Health:
    """Follows the loss of a training from step to step."""

    recent: float = 0.0  # mean loss of late
    lowest: float = math.inf  # the lowest that it was

    @property
    def good(self) -> bool:
        """Whether the loss is about as low as ever, so that a state is worth keeping."""
        return self.recent <= UNHEALTHY * self.lowest

    def check(self, step: Step, *, may_overflow: bool) -> None:
        """Take a step into account.

        Args:
            step: What it came to.
            may_overflow: Whether its gradient may be infinite or no number.

        Raises:
            DivergedError: it does not lead on.
        """
        loss = step.truth + step.output + step.attention + step.bit
        if not math.isfinite(loss):
            raise DivergedError(f"the loss is {loss} at step {step.number}")
        if not math.isfinite(step.gradient) and not may_overflow:
            raise DivergedError(f"the gradient is {step.gradient} at step {step.number}")
        weight = max(1 - RECENT, 1 / step.number)
        loss = min(step.truth + step.output, WILDEST * self.lowest)
        self.recent += weight * (loss - self.recent)
        if step.number >= WARM_UP:
            self.lowest = min(self.lowest, self.recent)
        if self.recent > DIVERGED * self.lowest:
            raise DivergedError(
                f"the loss diverges: at step {step.number} it is {self.recent:.3g} on average"
                f" and was {self.lowest:.3g}"
            )
