"""Rounding weights together: less error at the output than rounding each for itself."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d

from cadyq_cli.outer_layers.gptq import input_products, rounded_weight
from cadyq_cli.quant.layers import OuterConv, weight_codes


def _alike(seed: int) -> Tensor:
    """Images whose channels all carry one brightness and a little of their own."""
    random = torch.Generator().manual_seed(seed)
    brightness = torch.rand(8, 1, 1, 1, generator=random) * 100
    return brightness + torch.randn(8, 16, 40, 40, generator=random)


def _nearest(weight: Tensor) -> Tensor:
    codes, step = weight_codes(weight, axes=(0,))
    return codes * step


def test_outputs_of_inputs_that_are_alike_change_several_times_less() -> None:
    torch.manual_seed(0)
    edge = OuterConv("edge", nn.Conv2d(16, 8, 3, padding=1), nonnegative=True)
    weight = edge.weight.detach()
    together = rounded_weight(weight, input_products(edge, _alike(1)))

    unseen = _alike(2)
    errors = [
        float((conv2d(unseen, w) - conv2d(unseen, weight)).std())
        for w in (together, _nearest(weight))
    ]

    assert errors[0] < errors[1] / 4


def test_rounding_once_more_changes_nothing() -> None:
    torch.manual_seed(0)
    edge = OuterConv("edge", nn.Conv2d(16, 8, 3, padding=1), nonnegative=True)
    rounded = rounded_weight(edge.weight.detach(), input_products(edge, _alike(1)))
    assert torch.allclose(_nearest(rounded), rounded, rtol=1e-6, atol=0)


def test_inputs_that_are_not_alike_leave_each_weight_at_its_nearest_step() -> None:
    torch.manual_seed(0)
    weight = torch.randn(4, 3, 1, 1)
    assert torch.allclose(rounded_weight(weight, torch.eye(3).double()), _nearest(weight))
