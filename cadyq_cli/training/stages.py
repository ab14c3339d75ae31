"""Where a stage starts: weights from elsewhere, or those of the stage before in its precision."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import dropwhile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from cadyq_cli.backbones.carn import Carn
from cadyq_cli.backbones.registry import backbone as look_up
from cadyq_cli.checkpoint.card import Card
from cadyq_cli.checkpoint.file import load
from cadyq_cli.checkpoint.network import Network, shapes_of
from cadyq_cli.checkpoint.official import load_official
from cadyq_cli.checkpoint.stored import is_ours, read_card
from cadyq_cli.errors import CheckpointError, InputError
from cadyq_cli.quant.layers import PRECISIONS
from cadyq_cli.quant.trace import Trace
from cadyq_cli.training.plan import STAGES, Plan, Stage
from cadyq_cli.training.starts.as_edsr import card_after, start_as_edsr, without_start
from cadyq_cli.training.starts.span import fit_last_layers

Crops = Callable[[int], tuple[Tensor, Tensor]]  # low and high resolution, so many low pixels

MEASURED = 2**15  # low-resolution pixels that a network which starts as an EDSR is fitted to
FITTED = 3 * 2**16  # likewise, last layers, which have more weights to find
SCALES = (4, 3, 2)  # of the authors' checkpoints, which do not tell, but have shapes that fit


def stages_of(plan: Plan) -> tuple[Stage, ...]:
    """The stages that lead from a plan's start to a dynamic network.

    Raises:
        CheckpointError: the start cannot be read.
    """
    if plan.start is None:
        return STAGES
    ours = is_ours(plan.start)  # the others do not say what they are
    return stages_after(read_card(plan.start) if ours else load_any(plan.start, plan).card, plan)


def stages_after(card: Card, plan: Plan) -> tuple[Stage, ...]:
    """The stages that lead from a network of that card to a plan's dynamic one.

    Those after the network's own, if all weights that the plan needs can be its; else all.
    """
    if card.backbone != plan.backbone:
        return STAGES
    wanted = _adapted(card, plan)
    if wanted != card and not (
        plan.scales and shapes_of(wanted).items() <= shapes_of(card).items()
    ):
        return STAGES
    left = tuple(dropwhile(lambda stage: stage != card.precision, STAGES))[1:]
    return left or STAGES[-1:]


def first(
    plan: Plan, device: torch.device, note: Callable[[str], None], crops: Crops | None = None
) -> Network:
    """The network that a plan starts from.

    Args:
        plan: What to train.
        device: Where the network goes.
        note: Is told which weights of the start do not fit.
        crops: Cuts low- and high-resolution crops to fit weights to. Without it, weights that
            would be fitted are random: good enough to tell times.

    Raises:
        InputError: its start is of another backbone, and no EDSR that it can start as.
        CheckpointError: its start cannot be read.
    """
    seed = plan.recipes[STAGES[0]].seed
    if plan.start is None:
        settings = {**plan.settings, "scale": plan.scale}
        card = Card(backbone=plan.backbone, settings=settings)
        network = start(card, seed=seed)
        if plan.recipes[STAGES[0]].fit_last and crops is not None:
            fit_last_layers(network, *crops(FITTED))
        return network.to(device)
    found = load_any(plan.start, plan)
    if found.card.backbone != plan.backbone:
        network = start(card_after(found, plan), seed=seed)
        if crops is not None:
            start_as_edsr(network, found, crops(MEASURED)[0])
        missing = without_start(network)
        rest = f"; random: {', '.join(missing)}" if missing else ""
        note(f"the weights are fitted to reproduce {plan.start}{rest}")
        return network.to(device)
    wanted = _adapted(found.card, plan)
    if wanted == found.card:
        return found.to(device)
    network, missing = transplant(found, wanted, seed=seed)
    total = len(network.backbone.state_dict())
    rest = f"; random: {', '.join(missing)}" if missing else ""
    note(f"{total - len(missing)} of {total} weights are those of {plan.start}{rest}")
    return network.to(device)


def load_any(path: Path, plan: Plan) -> Network:
    """A network of ours, or one of the authors' of the plan's backbone.

    Raises:
        CheckpointError: it cannot be read.
    """
    if is_ours(path):
        return load(path)
    failures = []
    for scale in (plan.scale, *SCALES):
        try:
            return load_official(path, backbone=plan.backbone, scale=scale, widths=plan.widths)
        except CheckpointError as error:
            failures.append(error)
    raise failures[0]


def layers_of(plan: Plan, stage: Stage) -> dict[str, Any]:
    """The settings of a stage's execution."""
    if stage == "float":
        return {}
    layers: dict[str, Any] = {"unsigned": plan.unsigned, "relative": plan.relative}
    if stage == "dynamic":
        layers |= {"widths": plan.widths, "logarithmic": plan.logarithmic}
        layers |= {"gradient_scale": look_up(plan.backbone).gradient_scale}
    return layers


def check_fit(plan: Plan, network: Network, path: Path) -> None:
    """Raise an `InputError` for a network from `path` that is not of the plan's kind."""
    have, want = (network.card.backbone, network.card.scale), (plan.backbone, plan.scale)
    if have != want:
        raise InputError(f"{path} is {have[0]} x{have[1]}, not {want[0]} x{want[1]}")


def executes(card: Card, stage: Stage, layers: dict[str, Any]) -> bool:
    """Whether a network already runs as a stage wants it."""
    if card.precision != stage:
        return False
    theirs = PRECISIONS[stage](**card.layers)
    return all(_plain(getattr(theirs, name)) == _plain(value) for name, value in layers.items())


def _plain(value: Any) -> Any:
    return tuple(value) if isinstance(value, (list, tuple)) else value


def start(card: Card, *, seed: int) -> Network:
    """A network with random weights, the same for the same seed.

    Raises:
        InputError: there is no such network, or it does not fit into memory.
    """
    torch.manual_seed(seed)
    try:
        return Network(card)
    except RuntimeError as error:
        settings = ", ".join(f"{name} = {value}" for name, value in card.settings.items())
        reason = str(error).splitlines()[0]
        raise InputError(f"{card.backbone} cannot be built with {settings}: {reason}") from error


def transplant(network: Network, card: Card, *, seed: int) -> tuple[Network, list[str]]:
    """Another network of the same backbone, such as of another scale, with all weights that fit.

    Returns:
        It, and the names of the weights that did not fit and are random.
    """
    result = start(card, seed=seed)
    wanted = result.backbone.state_dict()
    state = _fitting(network, wanted)
    result.backbone.load_state_dict(state, strict=False)
    return result, [name for name in wanted if name not in state]


def requantize(network: Network, precision: str, layers: dict[str, Any]) -> Network:
    """The same backbone with the same weights, executed in another precision.

    Bounds carry over where a site has as many grids as before; the others are to be set
    (`quant.ranges`).
    """
    card = replace(network.card, precision=precision, layers=layers, about={})
    result = Network(card)
    state = _fitting(network, result.backbone.state_dict())
    result.backbone.load_state_dict(state, strict=False)
    return result.to(next(network.parameters()).device)


@contextmanager
def run_at(network: Network, scale: int) -> Iterator[None]:
    """Let a network for several scales run at one of them, as long as the context lasts."""
    body = network.backbone
    if not isinstance(body, Carn):
        yield
        return
    before, body.scale = body.scale, scale
    try:
        yield
    finally:
        body.scale = before


def traces_of(network: Network, batches: Sequence[Tensor]) -> Callable[[], list[Trace]]:
    """What `quant.ranges.fit_ranges` runs: the network on some batches (N, 3, H, W) in 0..1."""

    def forward() -> list[Trace]:
        return [network(batch)[1] for batch in batches]

    return forward


def _adapted(card: Card, plan: Plan) -> Card:
    """The card of a start of the plan's backbone, with the plan's settings."""
    settings = {**card.settings, **plan.settings, "scale": plan.scale}
    if plan.scale != card.scale:
        settings.pop("composed", None)  # of another scale there is nothing to keep of it
    return replace(card, settings=settings)


def _fitting(network: Network, wanted: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights of a network that have the name and the shape of a wanted one."""
    return {
        name: value
        for name, value in network.backbone.state_dict().items()
        if name in wanted and value.shape == wanted[name].shape
    }
