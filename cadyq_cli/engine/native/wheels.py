"""Builds wheels for all platforms on any of them: ``python -m cadyq_cli.engine.native.wheels``

A wheel in which something else is found than its name promises is not given.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from cadyq_cli.engine.native.build import PLATFORM_VARIABLE
from cadyq_cli.engine.native.platforms import PLATFORMS
from cadyq_cli.engine.native.promises import broken_promises

CHECKOUT = Path(__file__).parents[3]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("platforms", nargs="*", metavar="PLATFORM", help=", ".join(PLATFORMS))
    parser.add_argument("-o", dest="output", type=Path, default=Path("dist"), metavar="FOLDER")
    chosen = parser.parse_args()
    if unknown := set(chosen.platforms) - PLATFORMS.keys():
        parser.error(f"no platform {min(unknown)!r}; there are {', '.join(PLATFORMS)}")
    if not (CHECKOUT / "pyproject.toml").exists():
        parser.error("wheels are built in a checkout, after pip install -e '.[wheels]'")
    chosen.output.mkdir(parents=True, exist_ok=True)
    results = [_build(name, chosen.output) for name in chosen.platforms or PLATFORMS]
    return 0 if all(results) else 1


def _build(platform: str, output: Path) -> bool:
    """Whether the wheel of a platform was built, and put into a folder."""
    with tempfile.TemporaryDirectory() as scratch:
        command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", scratch]
        environment = os.environ | {PLATFORM_VARIABLE: platform}
        run = subprocess.run(
            command, cwd=CHECKOUT, env=environment, capture_output=True, text=True, check=False
        )
        if run.returncode:
            sys.stderr.write(f"{platform}: {run.stderr.strip()}\n")
            return False
        (wheel,) = Path(scratch).glob("*.whl")
        broken = broken_promises(wheel, platform)
        for promise in broken:
            sys.stderr.write(f"{platform}: {promise}\n")
        if not broken:
            shutil.move(wheel, output / wheel.name)
            size = (output / wheel.name).stat().st_size
            sys.stdout.write(f"{output / wheel.name}  {size / 1e6:.1f} MB\n")
        return not broken


if __name__ == "__main__":
    sys.exit(main())
