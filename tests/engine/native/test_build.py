"""Compiling the kernels, and machines where that cannot be done."""

from __future__ import annotations

import _ctypes
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cadyq_cli.engine.native import library
from cadyq_cli.engine.native.build import FOLDER, CannotCompile, compile_kernels
from cadyq_cli.engine.native.library import ISA_VARIABLE, NativeUnavailable


def test_without_a_compiler_the_reason_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(CannotCompile, match=r"no C\+\+ compiler"):
        compile_kernels(tmp_path / "library")
    assert list(tmp_path.iterdir()) == []


def test_what_a_compiler_says_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiler = tmp_path / "cxx"
    compiler.write_text("#!/bin/sh\necho too old >&2\nexit 1\n")
    compiler.chmod(0o755)
    monkeypatch.setenv("CXX", str(compiler))
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
    shutil.copy(_ctypes.__file__, tmp_path / "cadyq_kernels.so")
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
