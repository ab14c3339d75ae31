"""Steps of kernels: orthogonal, as long as the rate says, whatever the gradient's size."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from cadyq_cli.training.learning.muon import Muon, orthogonal


@pytest.mark.parametrize("shape", [(3, 8, 40), (2, 40, 8), (1, 1, 9)])
def test_singular_values_come_close_to_one_and_directions_stay(
    shape: tuple[int, int, int],
) -> None:
    matrices = torch.randn(shape, generator=torch.Generator().manual_seed(0)) * 1e3
    left, _, right = torch.linalg.svd(matrices, full_matrices=False)
    strengths = left.mT @ orthogonal(matrices) @ right.mT
    diagonal = torch.diagonal(strengths, dim1=1, dim2=2)
    assert diagonal.min() > 0.6
    assert diagonal.max() < 1.25
    assert torch.allclose(strengths, torch.diag_embed(diagonal), atol=1e-3)


@pytest.mark.parametrize("size", [1e-6, 1.0, 1e6])
def test_a_step_is_the_given_share_of_the_kernels_norm(size: float) -> None:
    kernel = nn.Parameter(torch.randn(6, 4, 3, 3))
    before = kernel.detach().clone()
    kernel.grad = size * torch.randn_like(kernel)
    Muon([kernel], lr=0.01).step()
    moved = (kernel.detach() - before).norm().item()
    assert moved == pytest.approx(0.01 * before.norm().item(), rel=1e-4)


def test_a_kernel_of_zeros_starts_to_learn() -> None:
    kernel = nn.Parameter(torch.zeros(6, 4, 3, 3))
    kernel.grad = torch.randn_like(kernel)
    Muon([kernel], lr=0.01).step()
    assert kernel.abs().max() > 0


def test_a_kernel_without_a_gradient_stays() -> None:
    kernel = nn.Parameter(torch.ones(2, 2))
    Muon([kernel], lr=0.01).step()
    assert torch.equal(kernel, torch.ones(2, 2))


def test_biases_are_refused() -> None:
    with pytest.raises(ValueError, match="biases"):
        Muon([nn.Parameter(torch.zeros(3))], lr=0.01)
