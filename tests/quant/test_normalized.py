"""Batch normalisation of what a convolution of codes sums."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from cadyq_cli.quant.layers import normalized
from cadyq_cli.quant.trace import Activation


def norm_of(channels: int) -> nn.BatchNorm2d:
    torch.manual_seed(0)
    norm = nn.BatchNorm2d(channels)
    state = {name: torch.rand(channels) + 0.5 for name, _ in norm.state_dict().items()}
    norm.load_state_dict(state | {"num_batches_tracked": torch.tensor(1)})
    return norm


def sums_of(images: int, channels: int, *, offset: bool) -> Activation:
    generator = torch.Generator().manual_seed(1)
    codes = torch.randint(-9999, 9999, (images, channels, 4, 5), generator=generator).float()
    step = torch.rand(images, 1, 1, 1, generator=generator) / 1000
    added = torch.randn(channels, 1, 1, generator=generator) if offset else None
    return Activation(codes, step, added)


@pytest.mark.parametrize("offset", [False, True], ids=["bare", "offset"])
@torch.no_grad()
def test_codes_are_normalized_as_the_values_they_stand_for(offset: bool) -> None:
    norm, sums = norm_of(3).eval(), sums_of(2, 3, offset=offset)
    torch.testing.assert_close(normalized(norm, sums), norm(sums.dense()))


@torch.no_grad()
def test_an_output_is_rounded_once_when_scaled_and_once_when_shifted() -> None:
    norm, sums = norm_of(3).eval(), sums_of(2, 3, offset=True)
    gain, bias, mean, variance = (
        norm.state_dict()[name].double().numpy().reshape(3, 1, 1)
        for name in ("weight", "bias", "running_mean", "running_var")
    )
    step, offset = (np.asarray(value, np.float64) for value in (sums.step, sums.offset))
    factor = gain / np.sqrt(variance + norm.eps)
    scale, shift = (step * factor).astype("f4"), ((offset - mean) * factor + bias).astype("f4")
    assert (normalized(norm, sums).numpy() == sums.codes.numpy() * scale + shift).all()


@pytest.mark.parametrize("half", [torch.float16, torch.bfloat16], ids=str)
def test_a_step_too_small_for_half_precision_counts_in_full(half: torch.dtype) -> None:
    codes, step = torch.full((1, 1, 1, 1), 4096.0), torch.full((1, 1, 1, 1), 1.23456789e-8)
    value = Activation(codes.to(half), step).dense()
    assert value.item() == np.float32(4096) * np.float32(1.23456789e-8)


@torch.no_grad()
def test_batch_statistics_are_those_of_the_values() -> None:
    norm, sums = norm_of(3).train(), sums_of(2, 3, offset=True)
    output = normalized(norm, sums)
    means, deviations = output.mean((0, 2, 3)), output.std((0, 2, 3), correction=0)
    torch.testing.assert_close(means, norm.bias.data, atol=1e-5, rtol=0)
    torch.testing.assert_close(deviations, norm.weight.data, atol=1e-4, rtol=0)
