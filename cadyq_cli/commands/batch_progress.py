"""Reports how a batch goes: a bar where a person watches, lines, JSON, and a summary."""

from __future__ import annotations

import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from os.path import commonpath
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import typer

from cadyq_cli.commands.flags import with_flags
from cadyq_cli.commands.lines import tell
from cadyq_cli.escaping import escaped
from cadyq_cli.imaging.streams import name_of

if TYPE_CHECKING:
    from cadyq_cli.batch.jobs import Job
    from cadyq_cli.batch.outcome import Outcome

T = TypeVar("T")


@dataclass
class BatchProgress:
    """Enter it while the batch runs, and `tell` it of every outcome."""

    total: int
    json: bool = False  # outcomes as JSON on standard output
    quiet: bool = False
    verbose: bool = False
    debug: bool = False  # failures with their traceback
    command: Any = None  # whose flags failures name
    counts: Counter[str] = field(default_factory=Counter)
    _folders: set[Path] = field(default_factory=set)  # of results
    _bar: Any = None  # over the images, where it is watched
    _began: float = 0.0

    def __enter__(self) -> BatchProgress:
        self._began = time.perf_counter()
        if self._watched and self.total > 1:
            from tqdm import tqdm

            self._bar = tqdm(total=self.total, unit="image", dynamic_ncols=True)
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def begin(self, job: Job) -> None:
        """Show what is being worked on."""
        if self._bar is not None:
            self._bar.set_postfix_str(escaped(job.source.name))

    def track(self, tiles: Sequence[T]) -> Iterable[T]:
        """Show how far a single image is."""
        if not self._watched or self.total > 1:
            return tiles
        from tqdm import tqdm

        bar: Iterable[T] = tqdm(tiles, unit="patch", leave=False, dynamic_ncols=True)
        return bar

    def tell(self, outcome: Outcome) -> None:
        """Print what is worth a line, and count."""
        self.counts[outcome.status] += 1
        if outcome.status == "done":
            self._folders.add(outcome.job.target.parent)
        with self._bars_aside():
            self._print_data(outcome)
            if self.debug and outcome.error:
                traceback.print_exception(outcome.error)
            if outcome.status == "failed":
                message = escaped(f"error: {self._said(outcome.message)}")
                typer.secho(message, fg="red", err=True)
            elif not self.quiet:
                self._describe(outcome)
        if self._bar is not None:
            self._bar.update()

    @property
    def _watched(self) -> bool:
        """Whether a person sees bars; otherwise what draws them is not loaded."""
        return not self.quiet and sys.stderr.isatty()

    def _said(self, message: str) -> str:
        return with_flags(message, self.command)

    def _bars_aside(self) -> AbstractContextManager[object]:
        if not self._watched:
            return nullcontext()
        from tqdm import tqdm

        aside: AbstractContextManager[object] = tqdm.external_write_mode(file=sys.stderr)
        return aside

    def _print_data(self, outcome: Outcome) -> None:
        """Print what programs read, on standard output."""
        if self.json:
            typer.echo(outcome.as_json(self._said))

    def _describe(self, outcome: Outcome) -> None:
        if self.total == 1 or self.verbose:
            tell(_line(outcome))
        for note in outcome.notes:
            tell(f"note: {outcome.job.source} {self._said(note)}")
        if self.verbose and outcome.status == "done":
            tell(f"  {_way(outcome)}")

    def summarize(self) -> None:
        """Print how many images were done, skipped or failed."""
        if self.total == 1 or self.quiet:
            return
        ends = [f"{self.counts[end]} {end}" for end in ("done", "skipped", "failed")]
        if left := self.left:
            ends.append(f"{left} left")
        seconds = time.perf_counter() - self._began
        place = f": {_common(self._folders)}" if self._folders else ""
        tell(f"{', '.join(ends)} in {seconds:.1f} s{place}")

    @property
    def left(self) -> int:
        """Images that have no outcome yet."""
        return self.total - self.counts.total()


def _common(folders: Iterable[Path]) -> str:
    """The folder that holds them all; those of each drive, if there are several."""
    drives: dict[str, list[Path]] = {}
    for folder in folders:
        drives.setdefault(folder.drive, []).append(folder)
    return ", ".join(map(_common_on_drive, drives.values()))


def _common_on_drive(folders: Sequence[Path]) -> str:
    try:
        return commonpath(folders) or "."
    except ValueError:  # some are relative
        return commonpath([folder.absolute() for folder in folders])


def _line(outcome: Outcome) -> str:
    target = name_of(outcome.job.target)
    if outcome.output_size is None:
        return f"{target}: exists already, skipped"
    height, width = outcome.output_size
    bits, plain = outcome.average_bits, outcome.plain_share
    made = [] if plain == 1 else ["float" if bits is None else f"{bits:.2f} bits on average"]
    if plain:
        made.append(f"{plain:.0%} interpolated")
    return f"{target}: {width} x {height}, {', '.join(made)}, {outcome.seconds:.1f} s"


def _way(outcome: Outcome) -> str:
    """By which networks, and what after them, the size was reached."""
    if outcome.input_size is None or outcome.output_size is None:
        return "not enlarged"
    height, width = outcome.input_size
    scale = outcome.network_scale or 1
    way = f"{width} x {height} px enlarged {scale} times by {', then '.join(outcome.models)}"
    if outcome.output_size == (height * scale, width * scale):
        return way
    height, width = outcome.output_size
    return f"{way}, then resized to {width} x {height} px by bicubic interpolation"
