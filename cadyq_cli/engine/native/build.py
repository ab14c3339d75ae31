"""The build hook of hatchling: puts the library of kernels into wheels.

``python -m cadyq_cli.engine.native.build`` compiles it anew where its sources lie.
``CADYQ_PLATFORM=windows-arm64`` has it compiled for another platform.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

if not str(__package__).startswith("cadyq_cli."):  # a file to hatchling, not installed yet
    sys.path.insert(0, str(Path(__file__).parents[3]))

from cadyq_cli.engine.native.compilers import (
    ZIG,
    CannotCompile,
    local_compiler,
    zig_knows_this_platform,
)
from cadyq_cli.engine.native.compiling import FOLDER, compile_kernels
from cadyq_cli.engine.native.platforms import LIBRARY, PLATFORMS, library_name, local_tag

PLATFORM_VARIABLE = "CADYQ_PLATFORM"

try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # not while building
    pass
else:

    class Hook(BuildHookInterface[Any]):
        """Puts the library beside its sources, or leaves it out where it cannot be compiled."""

        def dependencies(self) -> list[str]:
            """A compiler, where there is none. pip installs it for the time of the build."""
            if self.target_name != "wheel":
                return []
            if os.environ.get(PLATFORM_VARIABLE):
                return [ZIG]
            try:
                local_compiler()
            except CannotCompile:
                return [ZIG] if zig_knows_this_platform() else []
            return []

        def initialize(self, version: str, build_data: dict[str, Any]) -> None:
            if self.target_name != "wheel":
                return
            if platform := os.environ.get(PLATFORM_VARIABLE):
                self._initialize_for(platform, build_data)
                return
            target = FOLDER / LIBRARY
            try:
                compile_kernels(target)
            except CannotCompile as error:
                self.app.display_warning(f"int8 kernels are left out: {error}")
                target.unlink(missing_ok=True)
                return
            build_data["artifacts"].append(f"/{target.relative_to(self.root).as_posix()}")
            _say_for_what(build_data, local_tag())

        def _initialize_for(self, platform: str, build_data: dict[str, Any]) -> None:
            if platform not in PLATFORMS:
                choices = ", ".join(PLATFORMS)
                self.app.abort(f"{PLATFORM_VARIABLE} is {platform!r}, not one of {choices}")
            self._scratch = tempfile.TemporaryDirectory()  # until hatchling has read it
            library = Path(self._scratch.name) / library_name(platform)
            try:
                compile_kernels(library, platform=platform)
            except CannotCompile as error:
                self.app.abort(f"int8 kernels for {platform}: {error}")
            inside = FOLDER.relative_to(self.root) / library.name
            build_data["force_include"][str(library)] = inside.as_posix()
            _say_for_what(build_data, PLATFORMS[platform].tag)


def _say_for_what(build_data: dict[str, Any], tag: str) -> None:
    build_data["tag"] = f"py3-none-{tag}"  # C is called through ctypes: any Python will do
    build_data["pure_python"] = False


def main() -> int:
    """Compile the library anew where its sources lie."""
    try:
        compile_kernels(FOLDER / LIBRARY)
    except CannotCompile as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{FOLDER / LIBRARY}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
