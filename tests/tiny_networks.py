"""Small networks to test with."""

from __future__ import annotations

from typing import Any

import torch

from cadyq_cli.evaluation.complexity import Workload, workload_of
from cadyq_cli.networks import Card, Network
from cadyq_cli.networks.arrays import coded_arrays
from cadyq_cli.quant.ranges import follow_range, observing

TINY: dict[str, dict[str, Any]] = {
    "edsr": {"features": 8, "blocks": 2},
    "carn": {"features": 8},
    "idn": {"features": 16, "blocks": 1, "difference": 4, "slices": 4},
    "span": {"features": 16, "blocks": 2},
    "srresnet": {"features": 8, "blocks": 2},
    "compact": {"features": 8, "convolutions": 2},
}
_FROM_1 = dict.fromkeys(("span", "compact"), (1, 2, 3, 4))
SCALES = dict.fromkeys(TINY, (2, 3, 4)) | {"srresnet": (2, 4), "edsr": (1, 2, 3, 4, 8)} | _FROM_1
COMBINATIONS = [(name, scale) for name, scales in SCALES.items() for scale in scales]


def tiny(
    backbone: str = "edsr",
    scale: int = 2,
    precision: str = "dynamic",
    *,
    seed: int = 0,
    layers: dict[str, Any] | None = None,
    **settings: Any,
) -> Network:
    """A network with random weights whose bounds fit its features; selectors choose at random."""
    torch.manual_seed(seed)
    settings = TINY[backbone] | settings | {"scale": scale}
    card = Card(backbone=backbone, settings=settings, precision=precision, layers=layers or {})
    network = Network(card)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if ".selector." in name:
                parameter.normal_(std=0.05)
        for name, buffer in network.named_buffers():
            if name.endswith(".span"):
                buffer.uniform_(0.5, 2)
            elif name.endswith(".zero"):
                buffer.uniform_(0.2, 0.8)
        with observing(network, follow_range):
            network(torch.rand(2, 3, 12, 12))
    return network.eval()


def work_of(network: Network) -> Workload:
    """What a network in PyTorch costs."""
    return workload_of(network.program(), coded_arrays(network.backbone))
