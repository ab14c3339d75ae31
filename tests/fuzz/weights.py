"""Structural mutants of weights files, each opened and run in a process of its own, by hand:

python tests/fuzz/weights.py --count 20000 --seed 1 --files weights/span-x4.safetensors
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from fuzz.isolation import clean, in_a_child, tally
from fuzz.mutants import File

from cadyq_cli.engine.native.kernels import NativeKernels
from cadyq_cli.opening import load_executable

PATCH = np.random.default_rng(0).random((16, 15, 3), np.float32)
KERNELS = NativeKernels()


def enlarge(path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)  # it would be a second line
        load_executable(path, KERNELS).run(PATCH)


def verdicts(
    files: list[Path], count: int, seed: int, *, limited: bool = True
) -> Iterator[tuple[str, str]]:
    """The case and the verdict of each mutant, by turns of each file."""
    originals = [File(path) for path in files]
    place = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(dir=place) as folder:
        path = Path(folder) / "mutant.safetensors"
        for index in range(seed * count, (seed + 1) * count):
            number = index % len(files)
            path.write_bytes(originals[number].mutant(index))
            memory = {} if limited else {"memory": 0}
            yield f"{files[number].stem} {index}", in_a_child(lambda: enlarge(path), **memory)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=Path, nargs="+", required=True)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--no-limit", action="store_true", help="of memory, as sanitizers need much"
    )
    chosen = parser.parse_args()
    found = tally(verdicts(chosen.files, chosen.count, chosen.seed, limited=not chosen.no_limit))
    return 0 if clean(found) else 1


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    sys.exit(main())
