"""What the name of a wheel promises, looked up in the library that it holds."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import lief

from cadyq_cli.engine.native.platforms import PLATFORMS, instruction_sets, library_name

lief.logging.disable()  # its remarks on what it skips

EXPORTS = {"cadyq_fingerprint", "cadyq_kernels", "cadyq_name"}
_FOLDER = "cadyq_cli/engine/native"

Version = tuple[int, ...]


def broken_promises(wheel: Path, platform: str) -> list[str]:
    """One line for each thing that is not as it should be in the wheel of a platform."""
    tag = f"py3-none-{PLATFORMS[platform].tag}"
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        (record,) = (name for name in names if name.endswith(".dist-info/WHEEL"))
        said = archive.read(record).decode().splitlines()
        libraries = [name for name in names if PurePosixPath(name).stem == "cadyq_kernels"]
        broken = [] if wheel.stem.endswith(f"-{tag}") else [f"the wheel is called {wheel.name}"]
        if f"Tag: {tag}" not in said:
            broken.append(f"the wheel does not say that it is {tag}")
        if "Root-Is-Purelib: false" not in said:
            broken.append("the wheel says that it holds nothing but Python")
        if libraries != [f"{_FOLDER}/{library_name(platform)}"]:
            return [*broken, f"the wheel holds {libraries or 'no library'}"]
        return [*broken, *broken_by(archive.read(libraries[0]), platform)]


def broken_by(library: bytes, platform: str) -> Iterator[str]:
    """As `broken_promises`, of the library alone."""
    kind, machine = platform.split("-")
    for isa in instruction_sets(platform):
        if isa.name.encode() + b"\0" not in library:
            yield f"no kernels for {isa.name}"
    binary = lief.parse(library)
    if isinstance(binary, lief.ELF.Binary) and kind == "linux":
        yield from _elf(binary, machine, _numbers(PLATFORMS[platform].tag)[:2])
    elif isinstance(binary, lief.PE.Binary) and kind == "windows":
        yield from _pe(binary, machine)
    elif isinstance(binary, lief.MachO.Binary) and kind == "macos":
        yield from _mach_o(binary, machine, _numbers(PLATFORMS[platform].tag)[:2])
    else:
        yield f"no library of {kind}"


def _elf(binary: lief.ELF.Binary, machine: str, newest: Version) -> Iterator[str]:
    machines = {"x86_64": lief.ELF.ARCH.X86_64, "aarch64": lief.ELF.ARCH.AARCH64}
    yield from _differs("machine", binary.header.machine_type, machines[machine])
    yield from _differs("exports", {str(s.name) for s in binary.exported_symbols}, EXPORTS)
    loaders = {"ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"}
    yield from _foreign(set(map(str, binary.libraries)) - loaders - {"libc.so.6"})
    for requirement in binary.symbols_version_requirement:
        for symbol in requirement.get_auxiliary_symbols():
            needed = str(symbol.name)
            if not needed.startswith("GLIBC_") or _numbers(needed) > newest:
                yield f"it needs {needed}"


def _pe(binary: lief.PE.Binary, machine: str) -> Iterator[str]:
    machines = {
        "x86_64": lief.PE.Header.MACHINE_TYPES.AMD64,
        "arm64": lief.PE.Header.MACHINE_TYPES.ARM64,
    }
    yield from _differs("machine", binary.header.machine, machines[machine])
    yield from _differs("exports", {str(s.name) for s in binary.exported_functions}, EXPORTS)
    needed = {str(name).lower() for name in binary.libraries}
    system = {name for name in needed if name.startswith("api-ms-win-crt-")}
    yield from _foreign(needed - system - {"kernel32.dll", "ntdll.dll"})


def _mach_o(binary: lief.MachO.Binary, machine: str, oldest: Version) -> Iterator[str]:
    machines = {
        "x86_64": lief.MachO.Header.CPU_TYPE.X86_64,
        "arm64": lief.MachO.Header.CPU_TYPE.ARM64,
    }
    yield from _differs("machine", binary.header.cpu_type, machines[machine])
    exports = {str(s.name).removeprefix("_") for s in binary.exported_symbols}
    of_linker = {"mh_dylib_header", "_dso_handle", "_mh_dylib_header", "__dso_handle"}
    yield from _differs("exports", exports - of_linker, EXPORTS)
    kinds = lief.MachO.LoadCommand.TYPE
    own = {str(d.name) for d in binary.libraries if d.command == kinds.ID_DYLIB}
    needed = {str(d.name) for d in binary.libraries} - own
    yield from _foreign(needed - {"/usr/lib/libSystem.B.dylib"})
    build = binary.build_version
    version = build.minos if build else binary.version_min.version if binary.version_min else ()
    yield from _differs("oldest system", tuple(version)[:2], oldest)
    if machine == "arm64" and not binary.has_code_signature:
        yield "it is not signed, so that no Mac would load it"


def _differs(what: str, found: object, expected: object) -> Iterator[str]:
    if found != expected:
        yield f"{what}: {found}, not {expected}"


def _foreign(libraries: set[str]) -> Iterator[str]:
    for name in sorted(libraries):
        yield f"it needs {name}, which not every system brings"


def _numbers(tag: str) -> Version:
    """Of manylinux_2_18_x86_64: 2, 18, 86, 64."""
    digits = "".join(c if c.isdigit() else " " for c in tag)
    return tuple(map(int, digits.split()))
