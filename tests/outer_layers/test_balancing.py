"""Features of a SPAN's last layers at a common strength, and results as they were."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from cadyq_cli.networks.card import Card
from cadyq_cli.networks.network import Network
from cadyq_cli.outer_layers.balancing import balance
from cadyq_cli.quant.ranges import fit_ranges


@pytest.fixture
def images() -> list[Tensor]:
    torch.manual_seed(1)
    return [torch.rand(2, 3, 12, 12), torch.rand(2, 3, 12, 12)]


def span(activation: str, images: list[Tensor], *, relative: bool) -> Network:
    """An untrained one with body features of a hundredth of their usual strength."""
    torch.manual_seed(0)
    settings = {"scale": 2, "features": 8, "blocks": 2, "activation": activation}
    layers = {"relative": relative, "edges": "static"}
    network = Network(Card(backbone="span", settings=settings, precision="dynamic", layers=layers))
    with torch.no_grad():
        network.backbone.get_parameter("body_end.conv.weight").mul_(0.01)
        network.backbone.get_parameter("body_end.conv.bias").mul_(0.01)
        fit_ranges(network, lambda: [network(batch)[1] for batch in images])
        for selector in (m for n, m in network.named_modules() if n.endswith("selector")):
            torch.nn.init.normal_(selector.get_parameter("weight"))
    return network.eval()


def in_float(network: Network, image: Tensor) -> Tensor:
    card = replace(network.card, precision="float", layers={})
    plain = Network(card)
    plain.backbone.load_state_dict(network.backbone.state_dict(), strict=False)
    output, _ = plain(image)
    assert isinstance(output, Tensor)
    return output


@torch.no_grad()
@pytest.mark.parametrize("relative", [False, True])
@pytest.mark.parametrize("activation", ["relu", "silu", "hardswish"])
def test_balancing_leaves_the_result_and_the_chosen_widths(
    activation: str, images: list[Tensor], *, relative: bool
) -> None:
    network = span(activation, images, relative=relative)
    output, (_, trace) = in_float(network, images[0]), network(images[0])
    weights = {k: v.clone() for k, v in network.backbone.state_dict().items()}
    balance(network, network.backbone, images)
    changed = {k for k, v in network.backbone.state_dict().items() if not v.equal(weights[k])}
    assert {"join.weight", "tail.weight", "body_end.conv.weight"} <= changed
    torch.testing.assert_close(in_float(network, images[0]), output, rtol=1e-4, atol=1e-5)
    _, after = network(images[0])
    for site, choice in trace.choices.items():
        assert after.choices[site].bits.equal(choice.bits)


@torch.no_grad()
def test_faint_body_features_get_the_strength_that_their_weights_ask_for(
    images: list[Tensor],
) -> None:
    network = span("relu", images, relative=True)
    join = network.backbone.get_submodule("join")
    seen: list[Tensor] = []
    join.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    balance(network, network.backbone, images[:1])
    seen.clear()
    network(images[0])
    weights, powers = (
        part.square().mean((0, 2, 3)).view(4, -1).mean(1)
        for part in (join.get_parameter("weight"), seen[0])
    )
    head, body, block, first = weights / powers
    torch.testing.assert_close(body, (head + block) / 2, rtol=0.05, atol=0.0)
    torch.testing.assert_close(first, (head + block) / 2, rtol=0.05, atol=0.0)
