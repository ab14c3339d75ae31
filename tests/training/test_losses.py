"""The losses mean what they say."""

from __future__ import annotations

import torch
from skimage.metrics import peak_signal_noise_ratio
from torch import Tensor

from cadyq_cli.training.losses import FLOOR, psnr_loss, wrong_anyway


def _noise(strength: float, seed: int) -> Tensor:
    random = torch.Generator().manual_seed(seed)
    return torch.randn(2, 3, 64, 64, generator=random) * strength / 255


def test_the_psnr_loss_is_what_a_small_error_takes_off_the_psnr() -> None:
    truth = torch.full((2, 3, 64, 64), 0.5)
    teacher = truth + _noise(40, 1) * torch.tensor([1.0, 0.6]).view(2, 1, 1, 1)
    student = teacher + _noise(6, 2)

    def psnr(output: Tensor) -> float:
        pairs = zip(truth.numpy(), output.numpy(), strict=True)
        return sum(peak_signal_noise_ratio(a, b, data_range=1) for a, b in pairs) / 2  # type: ignore[no-untyped-call]

    loss = float(psnr_loss(student, teacher, wrong_anyway(teacher, truth)))
    taken = psnr(teacher) - psnr(student)
    assert 0.1 < taken < 0.3
    assert abs(loss - taken) < 0.1 * taken


def test_an_image_that_is_nearly_right_does_not_outweigh_the_others() -> None:
    perfect = torch.zeros(1, 3, 8, 8)
    assert float(wrong_anyway(perfect, perfect)) == FLOOR
