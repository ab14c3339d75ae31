"""What a run begins with: random weights, or those of a network from elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import dropwhile
from pathlib import Path

from torch import Tensor

from cadyq_cli.networks.card import Card
from cadyq_cli.networks.network import Network, shapes_of
from cadyq_cli.training.recipes.plan import STAGES, Plan, StageName
from cadyq_cli.training.starts.as_edsr import card_after, start_as_edsr, without_start
from cadyq_cli.training.starts.carrying import random_network, transplant
from cadyq_cli.training.starts.given import Given
from cadyq_cli.training.starts.span import fit_last_layers

Cut = Callable[[int], tuple[Tensor, Tensor]]  # low and high resolution, so many low pixels

MEASURED = 2**15  # low-resolution pixels that a network which starts as an EDSR is fitted to
FITTED = 3 * 2**16  # likewise, last layers, which have more weights to find


@dataclass(frozen=True)
class Start:
    """A network on the CPU, before any step."""

    network: Network
    origin: Card | None = None  # of the network whose weights it has
    note: str = ""  # which they are, if not all
    fit: Callable[[Cut], None] | None = None  # sets what depends on photographs; else it is random


def start_of(plan: Plan, read: Callable[[Path], Given]) -> Start:
    """What a plan begins with; `read` opens the file that it names, if it names one.

    Raises:
        InputError: that is of another backbone, and no EDSR that the plan's can start as; or there
            is no network with the plan's settings.
        CheckpointError: it is no network.
    """
    seed = plan.recipes[STAGES[0]].seed
    if plan.start is None:
        card = Card(backbone=plan.backbone, settings={**plan.settings, "scale": plan.scale})
        network = random_network(card, seed=seed)
        if not plan.recipes[STAGES[0]].fit_last:
            return Start(network)
        return Start(network, fit=lambda cut: fit_last_layers(network, *cut(FITTED)))
    found = read(plan.start).network(plan)
    if found.card.backbone != plan.backbone:
        network = random_network(card_after(found, plan), seed=seed)
        note = f"the weights are fitted to reproduce {plan.start}{_rest(without_start(network))}"
        return Start(
            network, found.card, note, lambda cut: start_as_edsr(network, found, cut(MEASURED)[0])
        )
    wanted = _adapted(found.card, plan)
    if wanted == found.card:
        return Start(found, found.card)
    network, missing = transplant(found, wanted, seed=seed)
    total = len(network.backbone.state_dict())
    kept = f"{total - len(missing)} of {total} weights are those of {plan.start}"
    return Start(network, found.card, kept + _rest(missing))


def stages_after(origin: Card | None, plan: Plan) -> tuple[StageName, ...]:
    """The stages that lead from a network of that card to a plan's dynamic one.

    Those after the network's own, if all weights that the plan needs can be its; else all.
    """
    if origin is None or origin.backbone != plan.backbone:
        return STAGES
    wanted = _adapted(origin, plan)
    if wanted != origin and not (
        plan.scales and shapes_of(wanted).items() <= shapes_of(origin).items()
    ):
        return STAGES
    left = tuple(dropwhile(lambda stage: stage != origin.precision, STAGES))[1:]
    return left or STAGES[-1:]


def _adapted(card: Card, plan: Plan) -> Card:
    """The card of a start of the plan's backbone, with the plan's settings."""
    settings = {**card.settings, **plan.settings, "scale": plan.scale}
    if plan.scale != card.scale:
        settings.pop("composed", None)  # of another scale there is nothing to keep of it
    return replace(card, settings=settings)


def _rest(missing: list[str]) -> str:
    return f"; random: {', '.join(missing)}" if missing else ""
