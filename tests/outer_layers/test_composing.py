"""A composed tail makes the image that the layers it stands for make."""

from __future__ import annotations

import pytest
import torch
from tiny_networks import tiny, work_of

from cadyq_cli.outer_layers.composing import with_composed_tail
from cadyq_cli.outer_layers.static import with_static_outer_layers

SIZES = ((1, 1), (1, 2), (5, 1), (2, 2), (3, 4), (9, 8))


@torch.no_grad()
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_every_pixel_is_the_same_up_to_the_border(scale: int) -> None:
    network = tiny("edsr", scale, "dynamic")
    composed = with_composed_tail(network)
    assert composed.card.settings["composed"]
    for size in SIZES:
        image = torch.rand(1, 3, *size)
        torch.testing.assert_close(composed(image)[0], network(image)[0], atol=1e-6, rtol=0)


def test_the_widths_are_the_same() -> None:
    network = tiny("edsr", 4, "dynamic")
    image = torch.rand(3, 3, 9, 8)
    expected, found = (n(image)[1].bits for n in (network, with_composed_tail(network)))
    assert expected.keys() == found.keys()
    assert all(torch.equal(expected[site], found[site]) for site in expected)


def test_a_published_edsr_takes_a_tenth_of_the_work_at_its_tail() -> None:
    network = tiny("edsr", 4, "float", features=64, blocks=1)
    before, after = (work_of(n) for n in (network, with_composed_tail(network)))

    def tail(workload: object) -> int:
        convolutions = workload.convolutions  # type: ignore[attr-defined]
        return sum(c.macs for c in convolutions if c.name.split(".")[0] in ("upsampler", "tail"))

    layers = 64 * 256 * 9 * (1 + 4) + 64 * 3 * 9 * 16
    assert tail(before) == layers
    assert tail(after) == 64 * 48 * 25
    assert tail(after) < layers / 9


def test_other_backbones_and_composed_ones_stay_as_they_are() -> None:
    others = tiny("span", 2), tiny("srresnet", 2), with_composed_tail(tiny("edsr", 2))
    assert all(with_composed_tail(network) is network for network in others)


@torch.no_grad()
def test_whole_number_edges_are_composed_and_stay_near() -> None:
    network = tiny("edsr", 4, "static")
    images = [torch.rand(2, 3, 12, 12) for _ in range(4)]
    result = with_static_outer_layers(network, images)
    assert result.card.settings["composed"]
    output, expected = result(images[0])[0], network(images[0])[0]
    assert float((output - expected).abs().max()) < 2 / 255


def test_edges_that_are_whole_numbers_already_cannot_be_composed() -> None:
    network = tiny("edsr", 2, "static", layers={"edges": "static"})
    assert with_composed_tail(network) is network
