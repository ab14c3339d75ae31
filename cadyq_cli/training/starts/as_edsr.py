"""Which networks can start as an EDSR, and how large they are then."""

from __future__ import annotations

from torch import Tensor

from cadyq_cli.backbones.known import backbone
from cadyq_cli.errors import InputError
from cadyq_cli.networks.card import Card
from cadyq_cli.networks.history import only_history
from cadyq_cli.networks.network import Network
from cadyq_cli.training.recipes.plan import Plan
from cadyq_cli.training.starts.carn import start_carn
from cadyq_cli.training.starts.kernels import EdsrKernels
from cadyq_cli.training.starts.srresnet import start_srresnet

START = {"srresnet": start_srresnet, "carn": start_carn}


def card_after(found: Network, plan: Plan) -> Card:
    """What to build for a plan whose start is another backbone.

    Raises:
        InputError: it is no EDSR, or the plan's backbone cannot start as that one.
    """
    card = found.card
    if plan.backbone not in START or card.backbone != "edsr":
        raise InputError(f"{plan.start} is {card.backbone}, not {plan.backbone}")
    if card.settings.get("composed"):
        raise InputError(f"{plan.start} has a composed tail; take a float edsr")
    if card.scale != plan.scale:
        raise InputError(f"{plan.start} is edsr x{card.scale}, not edsr x{plan.scale}")
    edsr = EdsrKernels.of(found.backbone)
    have = {"features": len(edsr.head.bias), "blocks": len(edsr.blocks)}
    settings = {name: have[name] for name in backbone(plan.backbone).edsr_sizes}
    for name, wanted in plan.settings.items():
        if settings.setdefault(name, wanted) != wanted:
            raise InputError(f"{plan.start} has {name} = {have[name]}, not {wanted}")
    settings |= {"scale": plan.scale}
    return Card(backbone=plan.backbone, settings=settings, about=only_history(card))


def start_as_edsr(network: Network, found: Network, crops: Tensor) -> None:
    """Give a network of such a card its weights, from crops (N, 3, H, W) in 0..1."""
    START[network.card.backbone](network, EdsrKernels.of(found.backbone), crops)


def without_start(network: Network) -> list[str]:
    """The weights that an EDSR has nothing for, and stay random: upsamplers of other scales."""
    ours = f"upsamplers.x{network.scale}."
    names = network.backbone.state_dict()
    return [n for n in names if n.startswith("upsamplers.") and not n.startswith(ours)]
