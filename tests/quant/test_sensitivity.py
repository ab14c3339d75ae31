"""The selector's inputs, on images whose gradient and spread are known."""

from __future__ import annotations

import pytest
import torch

from cadyq_cli.quant.sensitivity import channel_spread, image_gradient


def test_a_ramp_measures_its_slope_in_one_direction_only() -> None:
    ramp = torch.linspace(0, 1, 11).expand(1, 3, 9, 11).contiguous()
    horizontal, vertical = image_gradient(ramp)[0].tolist()
    # 0.1 a pixel inside; at both replicated borders half of it.
    assert horizontal == pytest.approx((9 * 0.1 + 2 * 0.05) / 11, rel=1e-5)
    assert vertical == pytest.approx(0, abs=1e-7)


def test_turning_the_image_swaps_the_two_gradients() -> None:
    image = torch.rand(2, 3, 12, 9, generator=torch.Generator().manual_seed(0))
    turned = image_gradient(image.transpose(2, 3))
    torch.testing.assert_close(turned, image_gradient(image).flip(1))


def test_a_flat_image_has_no_gradient() -> None:
    assert image_gradient(torch.full((1, 3, 7, 7), 0.4)).abs().max() < 1e-6


def test_spread_is_the_unbiased_standard_deviation() -> None:
    x = torch.tensor([1.0, 2.0, 3.0, 6.0]).view(1, 1, 2, 2)  # mean 3, squares 4 + 1 + 0 + 9
    assert channel_spread(x).item() == pytest.approx((14 / 3) ** 0.5)


def test_a_single_pixel_has_no_spread() -> None:
    assert channel_spread(torch.ones(2, 5, 1, 1)).tolist() == [[0.0] * 5] * 2
