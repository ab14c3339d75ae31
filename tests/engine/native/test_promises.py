"""Wheels in which there is something else than their names promise."""

from __future__ import annotations

import _ctypes
import zipfile
from pathlib import Path

import pytest

from cadyq_cli.engine.native.compiling import FOLDER
from cadyq_cli.engine.native.platforms import LIBRARY, PLATFORMS, library_name, this_platform
from cadyq_cli.engine.native.promises import broken_promises

HERE = this_platform()
ELSEWHERE = "linux-aarch64" if HERE != "linux-aarch64" else "linux-x86_64"


def _wheel(folder: Path, platform: str, library: Path, *, said: str = "") -> Path:
    tag = f"py3-none-{PLATFORMS[platform].tag}"
    wheel = folder / f"cadyq-1-{tag}.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        record = f"Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: {said or tag}\n"
        archive.writestr("cadyq-1.dist-info/WHEEL", record)
        archive.write(library, f"cadyq_cli/engine/native/{library_name(platform)}")
    return wheel


def test_the_library_that_was_compiled_here_keeps_its_promises(tmp_path: Path) -> None:
    broken = broken_promises(_wheel(tmp_path, HERE, FOLDER / LIBRARY), HERE)
    # A compiler of this system may ask for this system.
    assert [line for line in broken if "GLIBC" not in line and "oldest system" not in line] == []


def test_a_library_for_another_processor_is_noticed(tmp_path: Path) -> None:
    broken = broken_promises(_wheel(tmp_path, ELSEWHERE, FOLDER / LIBRARY), ELSEWHERE)
    assert any("machine" in line or "no library of" in line for line in broken)


def test_a_library_without_kernels_is_noticed(tmp_path: Path) -> None:
    broken = broken_promises(_wheel(tmp_path, HERE, Path(_ctypes.__file__)), HERE)
    assert "no kernels for generic" in broken
    assert any(line.startswith("exports") for line in broken)


@pytest.mark.parametrize(
    ("name", "said", "line"),
    [("cadyq-1-py3-none-any.whl", "", "called"), ("", "py3-none-any", "does not say")],
)
def test_a_wheel_with_another_tag_is_noticed(
    tmp_path: Path, name: str, said: str, line: str
) -> None:
    wheel = _wheel(tmp_path, HERE, FOLDER / LIBRARY, said=said)
    wheel = wheel.rename(tmp_path / (name or wheel.name))
    assert any(line in found for found in broken_promises(wheel, HERE))
