from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny_networks import tiny, work_of

from cadyq_cli.errors import ImageError, InputError
from cadyq_cli.evaluation.plot import HEIGHT, WIDTH, draw
from cadyq_cli.evaluation.protocol import Measured
from cadyq_cli.evaluation.report import Result

BLUE, ORANGE = (0x00, 0x72, 0xB2), (0xD5, 0x5E, 0x00)  # of the first and the second network


def result(model: str, psnr: float, bits: int | None, dataset: str = "Set5") -> Result:
    widths = {"block1.1": np.array([bits], np.uint8)} if bits else {}
    image = Measured(name="a", size=(8, 8), psnr=psnr, ssim=0.9, widths=widths)
    workload = None if model == "bicubic" else work_of(tiny("edsr"))
    return Result(model=model, dataset=dataset, images=[image], workload=workload)


def centre(path: Path, colour: tuple[int, int, int]) -> tuple[float, float]:
    """Where the dot of a colour is inside the axes: x to the right, y down."""
    pixels = np.asarray(Image.open(path))[:, :870].astype(int)
    y, x = np.nonzero(np.abs(pixels - colour).sum(axis=2) < 30)
    return x.mean(), y.mean()


def test_fewer_bits_stand_further_left_and_more_decibels_higher(tmp_path: Path) -> None:
    path = tmp_path / "plot.png"
    draw(path, [result("bicubic", 28, None), result("a", 31.0, 8), result("b", 31.5, 5)])
    (x_a, y_a), (x_b, y_b) = centre(path, BLUE), centre(path, ORANGE)
    assert x_b < x_a
    assert y_b < y_a


def test_a_float_network_stands_at_the_right(tmp_path: Path) -> None:
    path = tmp_path / "plot.png"
    draw(path, [result("float", 31.0, None), result("b", 31.0, 8)])
    assert centre(path, BLUE)[0] > centre(path, ORANGE)[0] + 50


def test_each_test_set_has_a_diagram(tmp_path: Path) -> None:
    path = tmp_path / "plot.png"
    draw(path, [result("a", 31.0, 8), result("a", 28.0, 8, "Set14")])
    with Image.open(path) as image:
        assert image.size == (WIDTH, 2 * HEIGHT)


def test_what_cannot_be_drawn_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "plot.png"
    with pytest.raises(InputError, match="no place in a diagram"):
        draw(path, [result("a", float("inf"), 8)])
    assert not path.exists()
    path.touch()
    with pytest.raises(ImageError, match="exists already"):
        draw(path, [result("a", 31.0, 8)])
