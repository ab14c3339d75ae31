"""Compiling the kernels, and machines where that cannot be done."""

from __future__ import annotations

import _ctypes
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cadyq_cli.engine.native import library
from cadyq_cli.engine.native.build import Hook
from cadyq_cli.engine.native.compilers import ZIG, CannotCompile, local_compiler
from cadyq_cli.engine.native.compiling import FOLDER, compile_kernels
from cadyq_cli.engine.native.library import ISA_VARIABLE, NativeUnavailable
from cadyq_cli.engine.native.platforms import LIBRARY, this_platform


@pytest.fixture
def no_compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder in which programs are looked for; it is empty."""
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setitem(sys.modules, "ziglang", None)  # as if it were not installed
    return folder


def _program(file: Path, text: str) -> None:
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)


def _hook() -> Hook:
    unused: Any = None
    return Hook(str(FOLDER.parents[2]), {}, unused, unused, "", "wheel", unused)


@pytest.mark.usefixtures("no_compiler")
def test_without_a_compiler_the_reason_is_told(tmp_path: Path) -> None:
    with pytest.raises(CannotCompile, match=r"no C\+\+ compiler"):
        compile_kernels(tmp_path / "library")
    assert not (tmp_path / "library").exists()


@pytest.mark.usefixtures("no_compiler")
def test_pip_is_asked_for_a_compiler_only_where_there_is_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert _hook().dependencies() == [ZIG]
    monkeypatch.setenv("CXX", "mine++")
    assert _hook().dependencies() == []


def test_a_compiler_that_does_not_know_an_instruction_set_is_passed_over(
    no_compiler: Path,
) -> None:
    _program(no_compiler / "c++", 'case "$*" in *amx*) exit 1;; esac')
    _program(no_compiler / "clang++", "exit 0")
    knows_all = "clang++" if this_platform() == "linux-x86_64" else "c++"
    assert Path(local_compiler().compile[0]).name == knows_all


def test_the_hook_takes_its_modules_from_the_checkout(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from hatchling.builders.hooks.plugin.interface import BuildHookInterface\n"
        "from hatchling.plugin.utils import load_plugin_from_script\n"
        "root, script = sys.argv[1:]\n"
        "sys.path = [folder for folder in sys.path if folder != root]\n"
        "load_plugin_from_script(f'{root}/{script}', script, BuildHookInterface, 'build_hook')\n"
        "print(sys.modules['cadyq_cli'].__file__)\n"
    )
    root, script = FOLDER.parents[2], "cadyq_cli/engine/native/build.py"
    command = [sys.executable, "-c", program, str(root), script]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert Path(run.stdout.strip()) == root / "cadyq_cli" / "__init__.py"


def test_wheels_are_built_by_the_compiler_that_pip_is_asked_for() -> None:
    assert f'"{ZIG}"' in (FOLDER.parents[2] / "pyproject.toml").read_text()


def test_what_a_compiler_says_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _program(tmp_path / "cxx", "echo too old >&2; exit 1")
    monkeypatch.setenv("CXX", str(tmp_path / "cxx"))
    with pytest.raises(CannotCompile, match="too old"):
        compile_kernels(tmp_path / "library")


@pytest.mark.parametrize(
    ("isa", "said"),
    [("generic", "generic"), ("none", "hides"), ("abacus", "cannot run the abacus kernels")],
)
def test_a_variable_of_the_environment_hides_instruction_sets(isa: str, said: str) -> None:
    program = (
        "from cadyq_cli.engine.native.kernels import NativeKernels\n"
        "from cadyq_cli.engine.native.library import NativeUnavailable\n"
        "try:\n    print(NativeKernels().name)\n"
        "except NativeUnavailable as reason:\n    print(reason)\n"
    )
    environment = os.environ | {ISA_VARIABLE: isa}
    run = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert said in run.stdout


def test_a_library_that_is_not_ours_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(_ctypes.__file__, tmp_path / LIBRARY)
    monkeypatch.setattr(library, "FOLDER", tmp_path)
    with pytest.raises(NativeUnavailable, match="compiled from other sources"):
        library._library.__wrapped__()


def test_a_library_is_refused_when_a_byte_of_its_sources_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "native"
    shutil.copytree(FOLDER, copy)
    monkeypatch.setattr(library, "FOLDER", copy)
    library._library.__wrapped__()
    with (copy / "writer.h").open("ab") as source:
        source.write(b"//")
    with pytest.raises(NativeUnavailable, match=r"engine\.native\.build"):
        library._library.__wrapped__()
