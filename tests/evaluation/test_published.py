"""Published figures of bicubic interpolation, on the images they were published for."""

from __future__ import annotations

from pathlib import Path
from statistics import fmean

import pytest

from cadyq_cli.evaluation.enlargers import Bicubic, LumaBicubic
from cadyq_cli.evaluation.pairs import discover
from cadyq_cli.evaluation.protocol import Comparison, Patches, measure

IMAGES = Path(__file__).parents[3] / "shared" / "data" / "test"

needs_images = pytest.mark.skipif(
    not IMAGES.is_dir(), reason="the test sets, which are not the project's to pass on, are absent"
)


def scores(enlarger: Bicubic, dataset: str) -> tuple[float, float]:
    compare = Comparison(border=enlarger.scale)
    sources = discover(IMAGES / dataset, enlarger.scale).sources
    found = [measure(enlarger, s, patches=Patches(), compare=compare) for s in sources]
    return fmean(f.psnr for f in found), fmean(f.ssim for f in found)


@needs_images
@pytest.mark.parametrize(
    ("dataset", "scale", "psnr", "ssim"),
    [
        ("Set5", 2, 33.66, 0.9299),
        ("Set5", 3, 30.39, 0.8682),
        ("Set5", 4, 28.42, 0.8104),
        ("Set14", 4, 26.00, 0.7027),
        ("B100", 4, 25.96, 0.6675),
    ],
)
def test_bicubic_on_luma_gives_the_published_figures(
    dataset: str, scale: int, psnr: float, ssim: float
) -> None:
    found_psnr, found_ssim = scores(LumaBicubic(scale), dataset)
    assert found_psnr == pytest.approx(psnr, abs=0.006)
    assert found_ssim == pytest.approx(ssim, abs=0.001)


@needs_images
@pytest.mark.parametrize(
    ("scale", "psnr", "ssim"), [(2, 33.66, 0.9299), (3, 30.39, 0.8682), (4, 28.42, 0.8104)]
)
def test_bicubic_on_rgb_is_close_to_them(scale: int, psnr: float, ssim: float) -> None:
    found_psnr, found_ssim = scores(Bicubic(scale), "Set5")
    assert found_psnr == pytest.approx(psnr, abs=0.02)
    assert found_ssim == pytest.approx(ssim, abs=0.001)
