from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cadyq_cli.commands.app import app
from cadyq_cli.networks import Card, Network, save, shipped


def test_every_network_is_listed_with_what_its_card_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shipped, "folder", lambda: tmp_path)
    about = {"average_bits": 5.125, "psnr": {"Set5": 31.987}, "licence": "MIT"}
    settings = {"scale": 3, "features": 4, "blocks": 1}
    save(tmp_path / "edsr-x3.safetensors", Network(Card(backbone="edsr", settings=settings)))
    save(
        tmp_path / "tiny-edsr-x3.safetensors",
        Network(Card(backbone="edsr", settings=settings, about=about)),
    )
    result = CliRunner().invoke(app, ["models"])
    assert result.exit_code == 0
    heading, plain, described = result.stdout.splitlines()
    assert re.split(r"  +", heading.strip()) == [
        "name",
        "scale",
        "size",
        "bits on B100",
        "PSNR",
        "licence",
    ]
    assert plain.split() == ["edsr", "3", "0.0", "MB"]
    words = ["tiny-edsr", "3", "0.0", "MB", "5.12", "Set5", "31.99", "dB", "MIT"]
    assert described.split() == words


def test_an_installation_without_networks_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shipped, "folder", lambda: tmp_path)
    result = CliRunner().invoke(app, ["models"])
    assert (result.exit_code, result.stdout) == (0, "")
    assert "-m runs one of your own" in result.stderr
