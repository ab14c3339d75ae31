"""What a run measured: a table in its folder."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from cadyq_cli.atomic import write_whole
from cadyq_cli.errors import FileError
from cadyq_cli.training.learning.losses import Step
from cadyq_cli.training.recipes.plan import STAGES

EVERY = 20  # steps that a line is the mean of

COLUMNS = (
    "stage",
    "step",
    "seconds",  # since this process began the stage
    "images_per_second",
    "truth",  # terms of the loss, means since the line before
    "output",
    "attention",
    "bit",
    "average_bits",  # of the batches
    "gradient",  # norm
    "bit_price",
    "rate",  # factor on the learning rates
    "psnr",  # dB, of the validation images; on lines of its own
    "validation_bits",
)
SMALLEST = 1e-30  # number in a table, but 0
LARGEST = {"step": 1e15, "psnr": 1e3, "average_bits": 1e3, "validation_bits": 1e3}

_HINT = "move it away, and a new one is begun"
MEANS = ("truth", "output", "attention", "bit", "average_bits", "gradient")  # of a `Step`


class Table:
    """The table, a line for every `EVERY` steps and for each validation.

    Args:
        path: The file; its lines are kept.
        stage: What is measured now.
        step: Where it begins; what the file says of later steps is dropped.
        batch: Images a step.

    Raises:
        FileError: the file cannot be read or written, or is no such table.
    """

    def __init__(self, path: Path, stage: str, step: int, batch: int) -> None:
        self._path, self._stage, self._batch = path, stage, batch
        self._began = self._last = time.monotonic()
        self._steps: list[Step] = []
        before = read(path) if path.is_file() else []
        rows = [r for r in before if r["stage"] != stage or int(r["step"]) <= step]
        write_whole(path, _lines([dict(zip(COLUMNS, COLUMNS, strict=True)), *rows]).encode())

    def add(self, step: Step) -> None:
        """Take a step in; writes a line if it is the last of `EVERY`."""
        self._steps.append(step)
        if step.number % EVERY == 0:
            self.flush()

    def flush(self) -> None:
        """Write a line for the steps since the last one, if there were any."""
        if not self._steps:
            return
        now, steps = time.monotonic(), self._steps
        row: dict[str, object] = {
            "seconds": f"{now - self._began:.1f}",
            "images_per_second": f"{len(steps) * self._batch / (now - self._last):.1f}",
            "bit_price": f"{steps[-1].bit_price:.6g}",
            "rate": f"{steps[-1].rate:.6g}",
        }
        for name in MEANS:
            values = [v for step in steps if (v := getattr(step, name)) is not None]
            row[name] = f"{sum(values) / len(values):.6g}" if values else ""
        self._append(steps[-1].number, row)
        self._steps, self._last = [], now

    def validated(self, step: int, psnr: float, bits: float | None) -> None:
        """Write a line for a validation."""
        width = "" if bits is None else f"{bits:.4f}"
        self._append(step, {"psnr": f"{psnr:.4f}", "validation_bits": width})
        self._last = time.monotonic()

    def _append(self, step: int, row: dict[str, object]) -> None:
        try:
            with self._path.open("a", encoding="utf-8", newline="") as file:
                file.write(_lines([{"stage": self._stage, "step": step, **row}]))
        except OSError as error:
            reason = f"cannot be written: {error.strerror or error}"
            raise FileError(self._path, reason) from error


def read(path: Path) -> list[dict[str, str]]:
    """The lines of a table; a last one that was cut off is left out.

    Raises:
        FileError: it cannot be read, or a line is not as `Table` writes it.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file, restval=None))
    except OSError as error:
        raise FileError(path, f"cannot be read: {error.strerror or error}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise FileError(path, "is damaged or no table of a run", hint=_HINT) from error
    if rows and None in rows[-1].values():
        rows.pop()
    for number, row in enumerate(rows, start=2):  # the first line holds the names
        if row.keys() != set(COLUMNS) or None in row.values() or not _is_measured(row):
            reason = f"is damaged or no table of a run: see line {number}"
            raise FileError(path, reason, hint=_HINT)
    return rows


def _is_measured(row: Mapping[str, str]) -> bool:
    """Whether a line is of a stage and holds a step and numbers that can be drawn."""
    if row["stage"] not in STAGES or not row["step"].isdecimal():
        return False
    try:
        numbers = {name: float(text) for name, text in row.items() if name != "stage" and text}
    except ValueError:
        return False
    return numbers["step"] >= 1 and all(
        number == 0 or SMALLEST < abs(number) < LARGEST.get(name, 1 / SMALLEST)
        for name, number in numbers.items()
        if name != "gradient"  # of float16, which may be infinite
    )


def _lines(rows: Sequence[dict[str, object]] | Sequence[dict[str, str]]) -> str:
    text = io.StringIO()
    csv.DictWriter(text, COLUMNS, restval="", lineterminator="\n").writerows(rows)
    return text.getvalue()
