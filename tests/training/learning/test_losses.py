"""The losses mean what they say."""

from __future__ import annotations

import math

import torch
from skimage.metrics import peak_signal_noise_ratio
from torch import Tensor

from cadyq_cli.imaging.colour import LUMA_WEIGHTS
from cadyq_cli.training.learning.losses import LUMA, psnr_loss, wrong_anyway


def _noise(strength: float, seed: int) -> Tensor:
    random = torch.Generator().manual_seed(seed)
    gray = torch.randn(2, 1, 64, 64, generator=random) * strength / 255
    return gray.expand(2, 3, 64, 64)


def test_the_psnr_loss_is_what_a_small_error_takes_off_the_psnr() -> None:
    truth = torch.full((2, 3, 64, 64), 0.5)
    teacher = truth + _noise(40, 1) * torch.tensor([1.0, 0.6]).view(2, 1, 1, 1)
    student = teacher + _noise(6, 2)

    def psnr(output: Tensor) -> float:
        pairs = zip(truth.numpy(), output.numpy(), strict=True)
        return sum(peak_signal_noise_ratio(a, b, data_range=1) for a, b in pairs) / 2  # type: ignore[no-untyped-call]

    loss = float(psnr_loss(student, teacher, wrong_anyway(teacher, truth, floor=0)))
    taken = psnr(teacher) - psnr(student)
    assert 0.1 < taken < 0.3
    assert abs(loss - taken) < 0.1 * taken


def test_an_error_of_colour_alone_counts_little() -> None:
    truth = torch.full((1, 3, 8, 8), 0.5)
    red, green, _ = LUMA_WEIGHTS
    colour = torch.tensor([green, -red, 0.0]).view(1, 3, 1, 1) / 50  # of no luma
    gray = colour.square().mean().sqrt()  # of the same mean square
    wrong = torch.ones(1)
    costs = [float(psnr_loss(truth + error, truth, wrong)) for error in (colour, gray)]
    assert abs(costs[0] / costs[1] - (1 - LUMA)) < 1e-3


def test_an_image_that_is_nearly_right_does_not_outweigh_the_others() -> None:
    """20 is the mean square of an image that has 35.1 dB; one that is perfect counts no more."""
    perfect = torch.full((1, 3, 8, 8), 0.5)
    worse = perfect + 0.1 / 255
    cost = float(psnr_loss(worse, perfect, wrong_anyway(perfect, perfect, floor=20)))
    assert abs(cost - 10 * math.log10(1 + 0.1**2 / 20)) < 0.01 * cost
