"""From the sources of the kernels to a library.

Each instruction set is compiled with flags of its own and chosen when the program runs, so that one
library fits every processor of its kind.
"""

from __future__ import annotations

import os
import shutil
import sysconfig
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from cadyq_cli.engine.native.compilers import CannotCompile, local_compiler, zig
from cadyq_cli.engine.native.fingerprint import fingerprint
from cadyq_cli.engine.native.platforms import (
    InstructionSet,
    instruction_sets,
    library_name,
    this_platform,
)

FOLDER = Path(__file__).parent

# Products are fused with sums only where the sources say so, so that values round as torch's do.
# No C++ runtime is needed without exceptions.
FLAGS = (
    *("-std=c++17", "-O3", "-ffp-contract=off"),
    *("-fno-exceptions", "-fno-rtti", "-fvisibility=hidden", "-Wno-psabi"),
)


def compile_kernels(
    target: Path, *, platform: str | None = None, flags: tuple[str, ...] = FLAGS
) -> None:
    """Compile the library to `target`: for this machine, or by Zig for one of `PLATFORMS`.

    Raises:
        CannotCompile: with the reason.
    """
    compiler = zig(platform) if platform else local_compiler()
    platform = platform or this_platform()
    flags = (*flags, *_flags_of(platform))
    sets = instruction_sets(platform)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)

        def kernels(isa: InstructionSet) -> Path:
            names = (f"-DCADYQ_ISA={isa.name}", f"-DCADYQ_USE_{isa.name.upper()}")
            lanes = f"-DCADYQ_LANES={isa.lanes}"
            return compiled("kernels.cpp", isa.name, *isa.flags, *names, lanes)

        def compiled(source: str, name: str, *own_flags: str) -> Path:
            result = folder / f"{name}.o"
            source_file = FOLDER / source
            compiler.run(compiler.compile, *flags, *own_flags, "-c", source_file, "-o", result)
            return result

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            objects = list(pool.map(kernels, sets))
        define = [f'-DCADYQ_FINGERPRINT="{fingerprint(FOLDER)}"']
        if len(sets) > 1:
            define.append("-DCADYQ_X86")
        objects.append(compiled("dispatch.cpp", "dispatch", *define))
        linked = folder / library_name(platform)
        linker_flags = [flag for flag in flags if flag.startswith(("-fsanitize", "-mmacosx"))]
        compiler.run(compiler.link, *linker_flags, "-shared", *objects, "-o", linked)
        _put(linked, target)


def _flags_of(platform: str) -> tuple[str, ...]:
    if platform.startswith("windows-"):
        return ()
    oldest = sysconfig.get_config_var("MACOSX_DEPLOYMENT_TARGET")
    if platform.startswith("macos-") and platform == this_platform() and oldest:
        return ("-fPIC", f"-mmacosx-version-min={oldest}")
    return ("-fPIC",)


def _put(library: Path, target: Path) -> None:
    part = target.with_name(f"{target.name}.part")
    shutil.copyfile(library, part)
    try:
        part.replace(target)  # a process that runs the old one keeps it
    except PermissionError as error:  # on Windows it keeps the file's name, too
        part.unlink()
        raise CannotCompile(f"{target} is in use; end the programs that run it") from error
