"""How far networks look, against hand counts and the gradients of PyTorch."""

from __future__ import annotations

import pytest
import torch
from reference_kernels import ReferenceKernels
from tiny_networks import SCALES, TINY, tiny

from cadyq_cli.networks import Network, shipped
from cadyq_cli.networks.card import Card
from cadyq_cli.opening import load_executable


def seen_by_the_middle(network: Network, edge: int) -> int:
    """How far the pixels lie that the middle one's enlargement changes with."""
    image = torch.rand(1, 3, edge, edge, requires_grad=True)
    output, _ = network(image)
    middle, scale = edge // 2, network.scale
    own = slice(middle * scale, (middle + 1) * scale)
    output[..., own, own].square().sum().backward()
    assert image.grad is not None
    rows = image.grad.abs().sum((0, 1, 3)).nonzero().flatten() - middle
    return int(rows.abs().max())


@pytest.mark.parametrize("backbone", TINY)
def test_nothing_that_lies_further_away_changes_a_pixel(backbone: str) -> None:
    for scale in SCALES[backbone]:
        network = tiny(backbone, scale, "float")
        seen = seen_by_the_middle(network, 2 * network.reach + 9)
        assert network.reach - 2 <= seen <= network.reach


def test_edsr_baseline_x4_sees_36_pixels_around() -> None:
    """33 convolutions in the body and one in front, then one each at 1, 2 and 4 times the size."""
    card = Card(backbone="edsr", settings={"scale": 4}, precision="float")
    assert Network(card).reach == 36
    assert load_executable(shipped.find("edsr", 4), ReferenceKernels()).reach == 36
