"""What `cadyq upscale` of a photograph takes as a whole process, phase by phase.

    python tests/benchmarks/startup.py PHOTO

The middle of the photograph, 512 x 512 pixels, is enlarged by one process after another, with byte
code cached as after an installation. On the clock every moment counts for one phase: for computing
as long as any tile is being computed, else for what else goes on. Processors work for several
phases at a time; their seconds are those of all threads.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

EDGE = 512  # px
PHASES = ("compute", "encode", "decode", "load")  # a moment counts for the first that goes on
START = "import and the rest"
ROWS = (START, "load", "decode", "compute", "encode")


class Span(NamedTuple):
    """A piece of work on one thread."""

    phase: str
    began: float  # seconds since 1970
    ended: float
    processor: float  # seconds that it computed


def run_watched(source: str, target: str) -> None:
    """Be `cadyq upscale`, and print what it does when."""
    from cadyq_cli.__main__ import main
    from cadyq_cli.engine.executor import Executable
    from cadyq_cli.imaging import files
    from cadyq_cli.opening import Opener

    spans: list[Span] = []

    @contextmanager
    def phase(name: str) -> Iterator[None]:
        began, worked = time.time(), time.thread_time()
        yield
        spans.append(Span(name, began, time.time(), time.thread_time() - worked))

    create = files.create

    @contextmanager
    def watched_create(*arguments: Any, **options: Any) -> Iterator[Any]:
        with ExitStack() as stack:
            yield phase("encode")(stack.enter_context(create(*arguments, **options)))
            with phase("encode"):  # of what is left
                stack.close()

    files.create = watched_create
    files.read = phase("decode")(files.read)
    for owner, method, name in (
        (Opener, "__init__", "load"),
        (Opener, "open", "load"),
        (Executable, "run", "compute"),
    ):
        setattr(owner, method, phase(name)(getattr(owner, method)))
    sys.argv = ["cadyq", "upscale", source, "-o", target, "--overwrite", "-q"]
    try:
        main()
    finally:
        print(json.dumps(spans))


def on_the_clock(spans: Sequence[Span], began: float, ended: float) -> dict[str, float]:
    """Seconds by phase, of all that there are from beginning to end."""
    seconds = dict.fromkeys(ROWS, 0.0)
    edges = {began, ended, *(s.began for s in spans), *(s.ended for s in spans)}
    for start, stop in pairwise(sorted(edges)):
        going_on = {s.phase for s in spans if s.began <= start and stop <= s.ended}
        seconds[next((name for name in PHASES if name in going_on), START)] += stop - start
    return seconds


def measure(source: Path, folder: Path) -> tuple[dict[str, float], dict[str, float]]:
    """Seconds of one process by phase: on the clock, and of processors."""
    byte_code = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(folder / "byte code")}
    command = [sys.executable, __file__, "--watched", str(source), str(folder / "large.png")]
    before, began = os.times(), time.time()
    run = subprocess.run(
        command, env=os.environ | byte_code, stdout=subprocess.PIPE, text=True, check=True
    )
    ended, after = time.time(), os.times()
    spans = [Span(*span) for span in json.loads(run.stdout)]
    processor = dict.fromkeys(ROWS, 0.0)
    for span in spans:
        processor[span.phase] += span.processor
    whole = after.children_user + after.children_system
    whole -= before.children_user + before.children_system
    processor[START] = whole - sum(processor.values())
    return on_the_clock(spans, began, ended), processor


def main() -> None:
    import argparse  # what a watched process needs not is not loaded there
    from statistics import median

    from cadyq_cli.imaging.files import read, write
    from cadyq_cli.imaging.picture import Picture

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("photo", type=Path, metavar="PHOTO")
    parser.add_argument("--processes", type=int, default=9)
    arguments = parser.parse_args()
    pixels = read(arguments.photo).pixels
    top, left = (max(0, length - EDGE) // 2 for length in pixels.shape[:2])
    middle = pixels[top : top + EDGE, left : left + EDGE]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder / "photo.png", Picture(pixels=middle))
        measure(folder / "photo.png", folder)  # caches the byte code
        found = [measure(folder / "photo.png", folder) for _ in range(arguments.processes)]
    rows = {row: [row] for row in ROWS} | {
        "all but compute": [row for row in ROWS if row != "compute"],
        "whole process": list(ROWS),
    }
    height, width, _ = middle.shape
    print(f"{width} x {height}, medians of {len(found)} processes\n")
    print("| phase | s | s of processors |\n|---|---|---|")
    for title, parts in rows.items():
        columns = ([sum(seconds[p] for p in parts) for seconds in run] for run in found)
        clock, processor = map(median, zip(*columns, strict=True))
        print(f"| {title} | {clock:.2f} | {processor:.2f} |")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--watched"]:
        run_watched(*sys.argv[2:])
    else:
        main()
