"""The platforms that wheels are built for, as compilers and installers call them."""

from __future__ import annotations

import os
import platform
import sys
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass

_SUFFIXES = {"windows": ".dll", "macos": ".dylib"}
_AVX512 = ("-mfma", "-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl", "-mavx512vnni")


@dataclass(frozen=True, slots=True)
class InstructionSet:
    """What one compilation of the kernels is for."""

    name: str
    lanes: int  # 32-bit numbers in a vector
    flags: tuple[str, ...] = ()


GENERIC = InstructionSet("generic", 4)
X86 = (
    InstructionSet("avx2", 8, ("-mavx2", "-mfma")),
    InstructionSet("avxvnni", 8, ("-mavx2", "-mfma", "-mavxvnni")),
    InstructionSet("avx512vnni", 16, _AVX512),
)
# Linux alone gives its registers to whoever asks; see processor.h.
AMX = InstructionSet("amx", 16, (*_AVX512, "-DCADYQ_USE_AVX512VNNI", "-mamx-tile", "-mamx-int8"))


@dataclass(frozen=True, slots=True)
class Target:
    """A platform with the oldest system of its kind that the library runs on."""

    triple: str  # to Zig
    tag: str  # to pip


PLATFORMS: Mapping[str, Target] = {
    "linux-x86_64": Target("x86_64-linux-gnu.2.18", "manylinux_2_18_x86_64"),
    "linux-aarch64": Target("aarch64-linux-gnu.2.18", "manylinux_2_18_aarch64"),
    "macos-arm64": Target("aarch64-macos.11.0", "macosx_11_0_arm64"),
    "macos-x86_64": Target("x86_64-macos.10.13", "macosx_10_13_x86_64"),
    "windows-x86_64": Target("x86_64-windows-gnu", "win_amd64"),
    "windows-arm64": Target("aarch64-windows-gnu", "win_arm64"),
}


def this_platform() -> str:
    """The name of the one that this Python was built for, which may not stand in `PLATFORMS`."""
    parts = _python_platform().split("-")  # such as macosx-11.0-arm64, win-amd64, linux-x86_64
    system = {"macosx": "macos", "win": "windows"}.get(parts[0], parts[0])
    return f"{system}-{parts[-1].replace('amd64', 'x86_64')}"


def local_tag() -> str:
    """Of a wheel for machines such as this one."""
    return _python_platform().replace("-", "_").replace(".", "_")


def _python_platform() -> str:
    # A Python for both kinds of Mac compiles for the one that it runs on.
    return sysconfig.get_platform().replace("universal2", platform.machine())


def has_glibc() -> bool:
    """Whether a Linux has the C library that its platforms here stand for."""
    return "CS_GNU_LIBC_VERSION" in getattr(os, "confstr_names", {})


def instruction_sets(name: str) -> tuple[InstructionSet, ...]:
    """Those that the kernels of a platform are compiled for."""
    if not name.endswith("-x86_64"):
        return (GENERIC,)
    return (GENERIC, *X86, *((AMX,) if name.startswith("linux-") else ()))


def library_name(name: str) -> str:
    """What the library of a platform is called."""
    return f"cadyq_kernels{_SUFFIXES.get(name.split('-', maxsplit=1)[0], '.so')}"


LIBRARY = library_name({"win32": "windows", "darwin": "macos"}.get(sys.platform, sys.platform))
