"""Convolutions that are wide while they train."""

from __future__ import annotations

import torch
from tiny_networks import tiny
from torch import nn
from torch.nn.functional import conv2d

from cadyq_cli.training.learning.widening import WideConv, folded, widened


def test_a_wide_convolution_does_what_its_parts_do_in_a_row() -> None:
    conv = WideConv(3, 5, 2, bias=False)
    image = torch.rand(1, 3, 6, 7)
    expanded = conv2d(image, conv.expand[:, :, None, None])
    among = conv2d(expanded, conv.middle, padding=1)
    row = conv2d(among, conv.reduce[:, :, None, None])
    apart = row + conv2d(image, conv.point[:, :, None, None])
    torch.testing.assert_close(conv(image), apart, atol=1e-5, rtol=0)
    torch.testing.assert_close(conv.folded()(image), apart, atol=1e-5, rtol=0)


def test_a_folded_network_does_what_the_wide_one_did_with_the_tensors_of_a_plain_one() -> None:
    network = tiny("span", 2, "float")
    wide = widened(network, 2, seed=1)
    image = torch.rand(1, 3, 8, 8)
    with torch.no_grad():
        torch.testing.assert_close(folded(wide)(image)[0], wide(image)[0])
    shapes = {name: value.shape for name, value in folded(wide).state_dict().items()}
    assert shapes == {name: value.shape for name, value in network.state_dict().items()}
    assert any(isinstance(module, WideConv) for module in wide.modules())


def test_every_part_of_a_wide_network_is_trained_and_grouped_convolutions_stay() -> None:
    wide = widened(tiny("idn", 2, "float"), 2, seed=1)
    wide(torch.rand(1, 3, 8, 8))[0].sum().backward()
    assert all(p.grad is not None for p in wide.parameters())
    plain = [m for m in wide.modules() if isinstance(m, nn.Conv2d) and m.kernel_size == (3, 3)]
    assert plain
    assert all(conv.groups > 1 for conv in plain)
