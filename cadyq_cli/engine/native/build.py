"""Compiles the native kernels: a build hook of hatchling, and what it calls.

``python -m cadyq_cli.engine.native.build`` compiles them anew where they lie.

Each instruction set is compiled with flags of its own and chosen when the program runs, so that one
library fits every processor of its kind.
"""

from __future__ import annotations

import os
import platform
import runpy
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
LIBRARY = "cadyq_kernels" + {"win32": ".dll", "darwin": ".dylib"}.get(sys.platform, ".so")
X86 = ("x86_64", "amd64")

# Products are fused with sums only where the sources say so, so that values round as torch's do.
FLAGS = ("-std=c++17", "-O3", "-fPIC", "-Wno-psabi", "-ffp-contract=off")
AVX512 = ("-mfma", "-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl", "-mavx512vnni")
LANES_AND_FLAGS: Mapping[str, tuple[int, tuple[str, ...]]] = {
    "generic": (4, ()),
    "avx2": (8, ("-mavx2", "-mfma")),
    "avxvnni": (8, ("-mavx2", "-mfma", "-mavxvnni")),
    "avx512vnni": (16, AVX512),
    "amx": (16, (*AVX512, "-DCADYQ_USE_AVX512VNNI", "-mamx-tile", "-mamx-int8")),
}


class CannotCompile(Exception):  # noqa: N818
    """There is no compiler, or it refuses the sources."""


def compile_kernels(target: Path, *, flags: tuple[str, ...] = FLAGS) -> None:
    """Compile the library to `target`.

    Raises:
        CannotCompile: with the reason.
    """
    on_x86 = platform.machine().lower() in X86
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)

        def kernels(isa: str) -> Path:
            lanes, own_flags = LANES_AND_FLAGS[isa]
            define = (f"-DCADYQ_ISA={isa}", f"-DCADYQ_LANES={lanes}", f"-DCADYQ_USE_{isa.upper()}")
            result = folder / f"{isa}.o"
            _compiler(*flags, *own_flags, *define, "-c", FOLDER / "kernels.cpp", "-o", result)
            return result

        names = LANES_AND_FLAGS if on_x86 else ("generic",)
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            objects = list(pool.map(kernels, names))
        # The package cannot be imported before it is installed.
        fingerprint = runpy.run_path(str(FOLDER / "fingerprint.py"))["fingerprint"](FOLDER)
        define = (f'-DCADYQ_FINGERPRINT="{fingerprint}"', *(("-DCADYQ_X86",) if on_x86 else ()))
        linked = folder / LIBRARY
        dispatch = FOLDER / "dispatch.cpp"
        _compiler(*flags, *define, "-shared", dispatch, *objects, "-o", linked)
        part = target.with_name(f"{target.name}.part")
        shutil.copyfile(linked, part)
        part.replace(target)  # a process that runs the old one keeps it


def _compiler(*arguments: str | Path) -> None:
    names = [os.environ.get("CXX"), "c++", "g++", "clang++"]
    found = next((path for name in names if name and (path := shutil.which(name))), None)
    if found is None:
        raise CannotCompile("no C++ compiler was found")
    run = subprocess.run([found, *arguments], capture_output=True, text=True, check=False)
    if run.returncode:
        raise CannotCompile(f"{found} says: {run.stderr.strip():.2000}")


def wheel_tag() -> str:
    """Of a wheel with a library in it, which needs no particular Python."""
    return "py3-none-" + sysconfig.get_platform().replace("-", "_").replace(".", "_")


try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # not while building
    pass
else:

    class Hook(BuildHookInterface[Any]):
        """Puts the library beside its sources, or leaves it out where it cannot be compiled."""

        def initialize(self, version: str, build_data: dict[str, Any]) -> None:
            if self.target_name != "wheel":
                return
            target = FOLDER / LIBRARY
            try:
                compile_kernels(target)
            except CannotCompile as error:
                self.app.display_warning(f"int8 kernels are left out: {error}")
                target.unlink(missing_ok=True)
                return
            build_data["artifacts"].append(f"/{target.relative_to(self.root).as_posix()}")
            build_data["tag"] = wheel_tag()


if __name__ == "__main__":
    compile_kernels(FOLDER / LIBRARY)
    sys.stdout.write(f"{FOLDER / LIBRARY}\n")
