"""Our PSNR and SSIM of the released code's own outputs, against its formula and scikit-image."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity

from cadyq_cli.evaluation.metrics import psnr_y, ssim
from cadyq_cli.imaging.colour import luma

from .conftest import Recording


def test_psnr_is_that_of_the_released_code(recording: Recording) -> None:
    """It weighs the difference of the two images, 0..1, and takes its mean square inside."""
    scale = recording.scale
    truth = recording.tensors["hr"].round()
    output = recording.tensors["cadyq.sr"].clamp(0, 255).round()
    weights = torch.tensor([65.738, 129.057, 25.064], dtype=torch.float64).view(3, 1, 1) / 256
    for ours, theirs in zip(output, truth, strict=True):
        difference = ((ours - theirs).double() / 255 * weights).sum(dim=0)
        inside = difference[scale:-scale, scale:-scale]
        expected = -10 * math.log10(float((inside**2).mean()))
        images = (image.permute(1, 2, 0).numpy() for image in (ours, theirs))
        assert psnr_y(*images, border=scale) == pytest.approx(expected, abs=1e-6)


def test_ssim_is_that_of_matlab(recording: Recording) -> None:
    scale = recording.scale
    truth = recording.tensors["hr"].round()
    output = recording.tensors["cadyq.sr"].clamp(0, 255).round()
    for pair in zip(output, truth, strict=True):
        a, b = (np.ascontiguousarray(image.permute(1, 2, 0).numpy()) for image in pair)
        whole = luma(a), luma(b)
        planes = [plane[scale:-scale, scale:-scale] for plane in whole]
        expected = structural_similarity(  # type: ignore[no-untyped-call]
            *planes, data_range=255, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
        )
        assert ssim(*whole, border=scale) == pytest.approx(float(expected), abs=1e-4)
