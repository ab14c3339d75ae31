"""The network that ships does what it ships for, on the picture that ships."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cadyq_cli.engine.native.kernels import NativeKernels
from cadyq_cli.evaluation.metrics import psnr_y
from cadyq_cli.imaging.files import read
from cadyq_cli.imaging.resize import imresize
from cadyq_cli.networks import load, shipped, stored
from cadyq_cli.opening import Opener, load_executable
from cadyq_cli.upscaling import upscale

PHOTO = Path(__file__).parent / "images" / "photo.png"


@pytest.mark.parametrize("model", ["edsr", "span"])
def test_it_restores_a_photograph_better_than_bicubic_at_few_bits(model: str) -> None:
    """It is smooth, and so takes more bits than the average."""
    truth = read(PHOTO).pixels
    small = imresize(truth, 1 / 4)
    result = upscale(load(shipped.find(model, 4)), small)
    ours = psnr_y(result.pixels, truth, border=4)
    bicubic = psnr_y(imresize(small, 4.0), truth, border=4)
    assert ours > bicubic + 0.3
    assert result.average_bits is not None
    assert result.average_bits <= 6


@pytest.mark.parametrize("level", [0, 255])
def test_a_plain_white_or_black_page_stays_plain(level: int) -> None:
    page = np.full((40, 53, 3), level, np.uint8)
    enlarged = upscale(Opener().open("span-x4"), page)
    assert (enlarged.pixels == level).all()


@pytest.mark.parametrize("model", ["edsr", "edsr-static", "carn", "idn", "span"])
def test_the_engine_gives_pytorchs_widths_and_pixels(model: str) -> None:
    """A pixel may round to the next level: the last scale is a product in another order."""
    path = shipped.find(model, 4)
    assert stored.read(path).program is not None, "or else torch would have to compile it"
    truth = read(PHOTO).pixels
    small = imresize(truth, 1 / 4)
    ours = upscale(load_executable(path, NativeKernels()), small)
    theirs = upscale(load(path), small)
    assert {site: widths.tolist() for site, widths in ours.bits.items()} == {
        site: widths.tolist() for site, widths in theirs.bits.items()
    }
    differences = np.abs(ours.pixels.astype(int) - theirs.pixels)
    assert differences.max() <= 1
    assert differences.mean() < 1e-4
