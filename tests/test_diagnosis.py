from __future__ import annotations

import json
import platform

import numpy as np
import PIL
import pytest
from typer.testing import CliRunner

from cadyq_cli import diagnosis
from cadyq_cli.commands.app import app
from cadyq_cli.engine.native.library import instruction_sets
from cadyq_cli.upscaling import upscale


def test_a_sound_installation_is_told_so() -> None:
    told = CliRunner().invoke(app, ["doctor", "--json"])
    assert told.exit_code == 0, told.stdout
    document = json.loads(told.stdout)
    found = document["found"]
    assert (found["numpy"], found["pillow"]) == (np.__version__, PIL.__version__)
    assert platform.python_version() in found["python"]
    assert all(name in found["kernels"] for name in instruction_sets())
    assert "generic enlarge as they should" in found["self-check"]
    assert document["wrong"] == {}


def test_what_is_wrong_is_told_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diagnosis, "PACKAGES", ("numpy", "no-such-package"))
    told = CliRunner().invoke(app, ["doctor"])
    assert told.exit_code == 1
    assert "numpy           " in told.stdout
    assert told.stderr == ("wrong: no-such-package: not installed; pip install no-such-package\n")


def test_kernels_that_compute_something_else_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    enlarge = upscale

    def wrong_once(*given: object) -> object:
        result = enlarge(*given)  # type: ignore[arg-type]
        monkeypatch.setattr(diagnosis, "upscale", enlarge)
        result.pixels[50, 60] ^= 64
        return result

    monkeypatch.setattr(diagnosis, "upscale", wrong_once)
    (kernels, check) = diagnosis._kernels()
    assert kernels.advice == ""
    assert "differs from generic" in check.told
    assert "CADYQ_ISA=generic" in check.advice
