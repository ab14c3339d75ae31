"""Kernel tests, and mutants of weights files, with kernels that watch their memory. By hand:

python tests/fuzz/sanitized.py --count 3000 --files weights/span-x4.safetensors
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from cadyq_cli.engine.native.compiling import FLAGS, FOLDER, compile_kernels
from cadyq_cli.engine.native.platforms import LIBRARY

HERE = Path(__file__).parent
SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-g", "-O1")
MUTANTS = HERE / "weights.py"
# Has the library looked for in another folder.
PATCHED = (
    "import pathlib, runpy, sys; import cadyq_cli.engine.native.library as library; "
    "library.FOLDER = pathlib.Path({folder!r}); sys.argv[0] = {name!r}; "
    "sys.path.insert(0, 'tests')"
)
TESTS = HERE.parent / "engine" / "native" / "test_kernels.py"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", nargs="+", required=True)
    parser.add_argument("--count", default="3000")
    parser.add_argument("--seed", default="0")
    parser.add_argument("--no-tests", action="store_true", help="of the kernels, only mutants")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        flags = tuple(flag for flag in FLAGS if flag != "-O3")
        compile_kernels(Path(folder) / LIBRARY, flags=(*flags, *SANITIZERS))
        runtime = subprocess.run(
            ["g++", "-print-file-name=libasan.so"], capture_output=True, text=True, check=True
        ).stdout.strip()
        environment = os.environ | {
            "LD_PRELOAD": runtime,
            "ASAN_OPTIONS": "detect_leaks=0,allocator_may_return_null=1",
            "UBSAN_OPTIONS": "print_stacktrace=1",
            "OPENBLAS_NUM_THREADS": "1",
        }
        for source in (*FOLDER.glob("*.h"), *FOLDER.glob("*.cpp"), FOLDER / "library.py"):
            shutil.copy(source, folder)  # they tell whether the library fits
        mutants = [
            "--no-limit",
            "--count",
            chosen.count,
            "--seed",
            chosen.seed,
            "--files",
            *chosen.files,
        ]
        calls = [("weights.py", f"runpy.run_path({str(MUTANTS)!r}, run_name='__main__')", mutants)]
        if not chosen.no_tests:
            calls.insert(
                0, ("pytest", "import pytest; sys.exit(pytest.main())", ["-q", str(TESTS)])
            )
        codes = []
        for name, run, arguments in calls:
            script = f"{PATCHED.format(folder=folder, name=name)}; {run}"
            command = [sys.executable, "-c", script, *arguments]
            codes.append(subprocess.run(command, env=environment, check=False).returncode)
    return max(map(abs, codes))


if __name__ == "__main__":
    sys.exit(main())
