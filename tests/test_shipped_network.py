"""The network that ships does what it ships for, on the picture that ships."""

from __future__ import annotations

from pathlib import Path

from cadyq_cli.checkpoint import load, shipped
from cadyq_cli.evaluation.metrics import psnr_y
from cadyq_cli.imaging.files import read
from cadyq_cli.imaging.resize import imresize
from cadyq_cli.upscaling import upscale

PHOTO = Path(__file__).parent / "images" / "photo.png"


def test_edsr_restores_a_photograph_better_than_bicubic_at_no_more_than_5_5_bits() -> None:
    truth = read(PHOTO).pixels
    small = imresize(truth, 1 / 4)
    result = upscale(load(shipped.find("edsr", 4)), small)
    ours = psnr_y(result.pixels, truth, border=4)
    bicubic = psnr_y(imresize(small, 4.0), truth, border=4)
    assert ours > bicubic + 0.3
    assert result.average_bits is not None
    assert result.average_bits <= 5.5
