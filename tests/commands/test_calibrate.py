"""`cadyq calibrate`: a network's file and pictures in, a file that runs without torch out."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors import safe_open
from tiny_networks import tiny
from typer.testing import CliRunner

from cadyq_cli.commands.app import app
from cadyq_cli.networks import load, save
from cadyq_cli.networks.history import history_of


@pytest.fixture(autouse=True)
def few_crops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cadyq_cli.calibration.calibrating.CROPS", (8, 8))
    monkeypatch.setattr("cadyq_cli.calibration.calibrating.HELD_OUT", 4)
    monkeypatch.setattr("cadyq_cli.calibration.files.PLAIN_PICTURES", 2)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    random = np.random.default_rng(3)
    for i in range(16):
        small = Image.fromarray(random.integers(0, 256, (12, 15, 3), dtype=np.uint8))
        small.resize((150, 120), Image.Resampling.BICUBIC).save(folder / f"{i:02}.png")
    return folder


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "mine.safetensors"
    save(path, tiny("edsr", 2, "float"))
    return path


def calibrate(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["calibrate", *map(str, arguments)])
    return result.exit_code, result.stdout, result.stderr


def test_the_file_runs_without_torch_and_tells_its_history(
    photos: Path, model: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.safetensors"
    flags = "--bits 5.5 --degrade jpeg60 --seconds 5"
    code, told, errors = calibrate(model, photos, "-o", out, *flags.split())
    assert (code, errors) == (0, "")
    (line,) = told.splitlines()
    assert "bit on average" in line
    with safe_open(out, framework="np") as file:
        assert json.loads(file.metadata()["cadyq"])["precision"] == "dynamic"
    (event,) = history_of(load(out).card)
    assert event.command == f"cadyq calibrate mine.safetensors PHOTOS -o FILE {flags}"
    assert event.data == "16 pictures"
    blocked = (
        "import sys; sys.modules['torch'] = None\nfrom cadyq_cli.__main__ import main\n"
        f"sys.argv = ['cadyq', 'upscale', {str(photos / '00.png')!r}, '-m', {str(out)!r},"
        f" '-o', {str(tmp_path / 'large.png')!r}]\nmain()"
    )
    done = subprocess.run(
        [sys.executable, "-c", blocked], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    with Image.open(tmp_path / "large.png") as image:
        assert image.size == (300, 240)


def test_the_result_has_a_dial(photos: Path, model: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.safetensors"
    assert calibrate(model, photos, "-o", out, "--bits", "6", "-q") == (0, "", "")

    def average(*flags: str) -> float:
        given = [photos, "-m", out, "-o", tmp_path / "large", "--json", "--overwrite", *flags]
        result = CliRunner().invoke(app, ["upscale", *map(str, given)])
        assert result.exit_code == 0, result.stderr
        lines = [json.loads(line) for line in result.stdout.splitlines()]
        return float(np.mean([line["average_bits"] for line in lines]))

    assert average("--bits", "4.5") < average() < average("--bits", "7.5")
    refused = CliRunner().invoke(
        app, ["upscale", str(photos / "00.png"), "-m", str(out), "--bits", "3"]
    )
    assert refused.exit_code == 2
    assert "its dial goes from 4.05 to 7." in refused.stderr


def test_a_network_without_a_dial_cannot_be_set(photos: Path, tmp_path: Path) -> None:
    save(tmp_path / "plain.safetensors", tiny("edsr", 2, "static"))
    given = [photos / "00.png", "-m", tmp_path / "plain.safetensors", "--bits", "5"]
    refused = CliRunner().invoke(app, ["upscale", *map(str, given)])
    assert refused.exit_code == 2
    assert "chooses no widths" in refused.stderr
    save(tmp_path / "plain.safetensors", tiny("edsr", 2, "dynamic"))
    refused = CliRunner().invoke(app, ["upscale", *map(str, given)])
    assert refused.exit_code == 2
    assert "has no dial, so --bits needs --exact" in refused.stderr


def test_a_static_network_has_one_width(photos: Path, model: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.safetensors"
    assert calibrate(model, photos, "-o", out, "--static", "-q") == (0, "", "")
    network = load(out)
    assert {bits for widths in network.candidates.values() for bits in widths} == {8}


def test_pictures_that_cannot_be_read_are_left_out(
    photos: Path, model: Path, tmp_path: Path
) -> None:
    (photos / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nrubbish")
    code, _, errors = calibrate(model, photos, "-o", tmp_path / "a", "--static")
    assert code == 0
    (line,) = errors.splitlines()
    assert line.startswith(f"left out: {photos / 'broken.png'}: ")


def test_what_cannot_be_done_is_said_before_any_work(
    photos: Path, model: Path, tmp_path: Path
) -> None:
    there = tmp_path / "there.safetensors"
    there.write_bytes(b"kept")
    code, _, errors = calibrate(model, photos, "-o", there)
    assert (code, there.read_bytes()) == (1, b"kept")
    assert "--overwrite" in errors
    quantized = tmp_path / "quantized.safetensors"
    save(quantized, tiny("edsr", 2, "static"))
    code, _, errors = calibrate(quantized, photos, "-o", tmp_path / "a")
    assert code == 2
    assert "static already" in errors
    (photos / "00.png").unlink()
    code, _, errors = calibrate(model, photos, "-o", tmp_path / "a")
    assert code == 2
    assert "15 pictures can be used, and 16 or more are needed" in errors
    code, _, errors = calibrate(model, photos, "-o", tmp_path / "a", "--bits", "3.5")
    assert code == 2
    assert "--bits lies in 4 to 8" in errors
    code, _, errors = calibrate(model, photos, "-o", tmp_path / "a", "--widths", "4,x")
    assert code == 2
    unknown = tmp_path / "unknown.safetensors"
    unknown.write_bytes(b"rubbish")
    code, _, errors = calibrate(unknown, photos, "-o", tmp_path / "a")
    assert code == 3
    assert errors.startswith(f"error: {unknown}: ")
    assert not (tmp_path / "a").exists()
