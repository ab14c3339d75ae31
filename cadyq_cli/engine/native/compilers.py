"""Which C++ compiler there is: one like GCC or Clang, or Zig, a Clang that pip can install."""

from __future__ import annotations

import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cadyq_cli.engine.native.platforms import (
    PLATFORMS,
    has_glibc,
    instruction_sets,
    library_name,
    this_platform,
)

ZIG = "ziglang==0.17.1"  # the same bytes everywhere come from the same compiler
_NAMES = ("c++", "g++", "clang++")


class CannotCompile(Exception):  # noqa: N818
    """There is no compiler, or it refuses the sources."""


@dataclass(frozen=True, slots=True)
class Compiler:
    compile: tuple[str, ...]  # what is typed before flags and files
    link: tuple[str, ...]

    def run(self, command: tuple[str, ...], *arguments: str | Path) -> None:
        """Raises: CannotCompile: with what the compiler says."""
        try:
            run = subprocess.run(
                [*command, *arguments],
                capture_output=True,
                text=True,
                errors="replace",
                check=False,
            )
        except OSError as error:
            raise CannotCompile(f"{command[0]} cannot be run: {error}") from error
        if run.returncode:
            raise CannotCompile(f"{' '.join(command)} says: {run.stderr.strip():.2000}")

    def accepts(self, flags: Iterable[str] = (), text: str = "int x;\n") -> bool:
        """Whether it makes an object file of a text; that takes an assembler, too."""
        with tempfile.TemporaryDirectory() as scratch:
            source, result = Path(scratch) / "source.cpp", Path(scratch) / "result.o"
            source.write_text(text)
            try:
                self.run(self.compile, *flags, "-c", source, "-o", result)
            except CannotCompile:
                return False
        return True


def zig(platform: str) -> Compiler:
    """The compiler for any of `PLATFORMS`, from any of them.

    Raises:
        CannotCompile: it is not installed.
    """
    if importlib.util.find_spec("ziglang") is None:
        raise CannotCompile(f"no C++ compiler was found; pip install {ZIG} brings one")
    target = ("-target", PLATFORMS[platform].triple)
    here = (sys.executable, "-m", "ziglang")
    own: tuple[str, ...] = ()
    if platform.startswith("windows-"):
        own = ("-Wl,-Brepro",)  # no time in the file
    elif platform.startswith("macos-"):
        own = ("-install_name", f"@rpath/{library_name(platform)}")  # no folder in it
    # Linked as C, since it would compile a C++ library first, which the kernels do not need.
    return Compiler((*here, "c++", *target, "-g0"), (*here, "cc", *target, "-s", *own))


def local_compiler() -> Compiler:
    """CXX, if it is set, or the first one that knows every instruction set of this platform.

    Raises:
        CannotCompile: there is none.
    """
    if told := os.environ.get("CXX"):
        return _named(shlex.split(told, posix=os.name != "nt"))
    found = [_named([path]) for name in _NAMES if (path := shutil.which(name))]
    flags = [flag for isa in instruction_sets(this_platform()) for flag in isa.flags]
    for compiler in found:
        if compiler.accepts(flags):
            return compiler
    if zig_knows_this_platform() and importlib.util.find_spec("ziglang"):
        return zig(this_platform())
    if found:  # and let it say what it misses
        return found[0]
    raise CannotCompile("no C++ compiler was found")


def zig_knows_this_platform() -> bool:
    return this_platform() in PLATFORMS and (not sys.platform.startswith("linux") or has_glibc())


def _named(command: list[str]) -> Compiler:
    if Path(command[0]).stem == "clang-cl":  # it takes Microsoft's flags, its neighbour GCC's
        command = [str(Path(command[0]).with_name("clang++")), *command[1:]]
    compiler = Compiler(tuple(command), tuple(command))
    if sys.platform != "win32":
        return compiler
    # On Windows GCC does not align the stack for AVX (its bug 54412): moves must not rely on it.
    is_clang = compiler.accepts(text="#ifndef __clang__\n#error\n#endif\n")
    unaligned = () if is_clang else ("-Wa,-muse-unaligned-vector-move",)
    return Compiler((*command, *unaligned), (*command, "-static"))
