"""From file to file: what is asked before the work, and what is said after it."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from tiny_networks import tiny

from cadyq_cli.batch.conversion import Conversion
from cadyq_cli.batch.jobs import Job
from cadyq_cli.batch.models import Models
from cadyq_cli.batch.outcome import Outcome
from cadyq_cli.batch.sizes import Wanted
from cadyq_cli.engine.runner import Runner
from cadyq_cli.errors import ImageError
from cadyq_cli.imaging.formats import format_of


def double(
    source: Path, target: Path, open_file: Callable[[Path], Runner] | None = None
) -> Outcome:
    models = Models({2: Path("tiny")}, open_file or (lambda _: tiny()))
    conversion = Conversion(models=models, wanted=Wanted(scale=2))
    return conversion(Job(source, target, format_of(target)), iter)


@pytest.mark.parametrize(
    ("size", "target", "cause"),
    [
        ((17_000, 1), "out.avif", "AVIF cannot hold 34000x2 px; .* PNG, JPEG, TIFF and BMP can"),
        ((1, 8200), "new/out.webp", "WebP cannot hold 2x16400 px; at most 16383 a side"),
        ((40_000, 1), "out.jpg", "JPEG cannot hold 80000x2 px; at most 65500 a side"),
    ],
)
def test_too_large_a_result_is_refused_before_a_network_is_opened(
    tmp_path: Path, size: tuple[int, int], target: str, cause: str
) -> None:
    def never(_: Path) -> Runner:
        raise AssertionError

    Image.new("L", size).save(tmp_path / "wide.png")
    with pytest.raises(ImageError, match=cause):
        double(tmp_path / "wide.png", tmp_path / target, never)
    assert [path.name for path in tmp_path.iterdir()] == ["wide.png"]


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif", "bmp", "webp", "avif"])
def test_a_resolution_that_does_not_fit_is_left_out_with_a_note(
    tmp_path: Path, suffix: str
) -> None:
    Image.new("L", (4, 4)).save(tmp_path / "a.tif", dpi=(6e7, 6e7))
    outcome = double(tmp_path / "a.tif", tmp_path / f"o.{suffix}")
    assert any("resolution of 60000000 x 60000000 dpi" in note for note in outcome.notes)
    with Image.open(tmp_path / f"o.{suffix}") as image:
        assert image.size == (8, 8)


@pytest.mark.parametrize(
    ("chunk", "suffix", "told"),
    [
        ((b"cICP", bytes([9, 16, 0, 1])), "jpg", "colours of BT.2100 PQ, which JPEG cannot state"),
        ((b"cICP", bytes([9, 16, 0, 1])), "png", None),
        ((b"cICP", bytes([9, 16, 0, 1])), "avif", None),
        ((b"gAMA", struct.pack(">I", 100000)), "bmp", "a colour profile, which BMP cannot hold"),
        ((b"gAMA", struct.pack(">I", 100000)), "tif", None),
    ],
)
def test_colours_that_cannot_be_stated_are_told_of(
    tmp_path: Path, chunk: tuple[bytes, bytes], suffix: str, told: str | None
) -> None:
    info = PngInfo()
    info.add(*chunk)
    Image.new("RGB", (4, 4), (10, 120, 200)).save(tmp_path / "a.png", pnginfo=info)
    notes = double(tmp_path / "a.png", tmp_path / f"o.{suffix}").notes
    assert [told in note for note in notes] == [True] if told else notes == ()


@pytest.mark.parametrize("dpi", [(300, 0), (0, 0)])
def test_a_resolution_of_zero_states_none(tmp_path: Path, dpi: tuple[int, int]) -> None:
    Image.new("L", (4, 4)).save(tmp_path / "a.bmp", dpi=dpi)
    assert double(tmp_path / "a.bmp", tmp_path / "o.png").notes == ()
    with Image.open(tmp_path / "o.png") as image:
        assert "dpi" not in image.info


def test_hidden_colours_are_kept_or_told_of(tmp_path: Path, rng: np.random.Generator) -> None:
    pixels = rng.integers(0, 256, (16, 16, 4), np.uint8)
    pixels[:, :8, 3] = 0
    Image.fromarray(pixels).save(tmp_path / "a.png")
    outcome = double(tmp_path / "a.png", tmp_path / "o.png")
    assert any("where alpha is 0" in note for note in outcome.notes)
