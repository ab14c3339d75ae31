"""What an evaluation found, as rows for people and for programs."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import isfinite
from statistics import fmean
from typing import Any

from cadyq_cli.escaping import escaped
from cadyq_cli.evaluation.complexity import (
    CONVENTIONS,
    FLOAT_BITS,
    REFERENCE_SIZE,
    SYMBOLS,
    Workload,
    bit_operations,
)
from cadyq_cli.evaluation.protocol import Measured

PARTS = {"quantized": True, "float": False}
REFERENCE = f"{REFERENCE_SIZE[1]}x{REFERENCE_SIZE[0]}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """One model on one test set, or on one of its images."""

    model: str
    dataset: str
    images: Sequence[Measured]
    workload: Workload | None = None  # None: no network
    file_bytes: int | None = None  # of the weights file

    @property
    def psnr(self) -> float:
        """Mean over images, dB."""
        return fmean(image.psnr for image in self.images)

    @property
    def ssim(self) -> float:
        return fmean(image.ssim for image in self.images)

    @property
    def average_bits(self) -> float | None:
        """The paper's FAB, mean over images; 32 for a float network, None without one."""
        return None if self.workload is None else fmean(map(_bits, self.images))

    @property
    def bits_by_macs(self) -> float | None:
        """Mean width of what the quantized convolutions read, by their MACs; mean over images."""
        if self.workload is None:
            return None
        return fmean(self.workload.mean_bits(image.widths) for image in self.images)

    @property
    def bit_operations(self) -> dict[str, float]:
        """For a result of 1280x720 px at the average bits, by the convention's name."""
        if self.workload is None or self.average_bits is None:
            return {}
        return bit_operations(self.workload, REFERENCE_SIZE, self.average_bits)

    @property
    def own_bit_operations(self) -> dict[str, float]:
        """At each image's own size and bits, by the convention's name; mean over images."""
        if self.workload is None:
            return {}
        each = [bit_operations(self.workload, image.size, _bits(image)) for image in self.images]
        return {name: fmean(count[name] for count in each) for name in each[0]}

    @property
    def energy(self) -> float | None:
        """Joules for a result of 1280x720 px; mean over images' widths."""
        if self.workload is None:
            return None
        return fmean(self.workload.energy(REFERENCE_SIZE, image.widths) for image in self.images)

    def histogram(self) -> dict[str, dict[int, int]]:
        """How many patches, or views of one, got each width, by site."""
        counts: dict[str, Counter[int]] = {}
        for image in self.images:
            for site, widths in image.widths.items():
                counts.setdefault(site, Counter()).update(widths.tolist())
        return {site: dict(sorted(found.items())) for site, found in counts.items()}

    def one_by_one(self) -> list[Result]:
        """A result for each image, called ``dataset/image``."""
        return [
            Result(
                model=self.model,
                dataset=f"{self.dataset}/{image.name}",
                images=[image],
                workload=self.workload,
                file_bytes=self.file_bytes,
            )
            for image in self.images
        ]

    def to_json(self, *, per_image: bool = False) -> dict[str, Any]:
        """Everything in plain values; SI units, bit operations and MACs as they are."""
        entry: dict[str, Any] = {
            "model": self.model,
            "dataset": self.dataset,
            "images": len(self.images),
            "psnr": self.psnr if isfinite(self.psnr) else None,  # JSON has no infinity
            "ssim": self.ssim,
        }
        if self.workload is not None:
            entry |= {
                "average_bits": self.average_bits,
                "bits_by_macs": self.bits_by_macs,
                f"macs_{REFERENCE}": {
                    name: self.workload.macs(REFERENCE_SIZE, quantizable=part)
                    for name, part in PARTS.items()
                },
                f"bit_operations_{REFERENCE}": self.bit_operations,
                "bit_operations_own_size": self.own_bit_operations,
                f"joules_{REFERENCE}": self.energy,
                "parameters": self.workload.parameters,
                "weight_bytes": self.workload.bytes,
                "file_bytes": self.file_bytes,
                "widths": self.histogram(),
            }
        if per_image:
            entry["per_image"] = [result.to_json() for result in self.one_by_one()]
        return entry


@dataclass(frozen=True, slots=True)
class Column:
    """A value of a result with its heading."""

    heading: str
    key: str  # in CSV
    value: Callable[[Result], str | float | None]
    digits: int = 0

    def text(self, result: Result) -> str:
        value = self.value(result)
        if value is None:
            return "-"
        return escaped(value) if isinstance(value, str) else f"{value:.{self.digits}f}"


def _operations(name: str) -> Callable[[Result], float | None]:
    def value(result: Result) -> float | None:
        return result.bit_operations[name] / 1e12 if result.workload else None

    return value


def _own_operations(name: str) -> Callable[[Result], float | None]:
    def value(result: Result) -> float | None:
        return result.own_bit_operations[name] / 1e12 if result.workload else None

    return value


def _giga_macs(*, quantizable: bool) -> Callable[[Result], float | None]:
    def value(result: Result) -> float | None:
        if result.workload is None:
            return None
        return result.workload.macs(REFERENCE_SIZE, quantizable=quantizable) / 1e9

    return value


COLUMNS = (
    Column("Model", "model", lambda r: r.model),
    Column("Data", "dataset", lambda r: r.dataset),
    Column("PSNR", "psnr_db", lambda r: r.psnr, 2),
    Column("SSIM", "ssim", lambda r: r.ssim, 4),
    Column("Bits", "average_bits", lambda r: r.average_bits, 2),
    Column("by MACs", "bits_by_macs", lambda r: r.bits_by_macs, 2),
    *(Column(c.name, f"tera_bit_operations_{c.name}", _operations(c.name), 2) for c in CONVENTIONS),
    Column("mJ", "millijoules", lambda r: None if r.energy is None else r.energy * 1e3, 0),
    Column("MB", "weight_megabytes", lambda r: r.workload.bytes / 1e6 if r.workload else None, 2),
)


# Too many for people, but not for programs.
MORE_COLUMNS = (
    *(
        Column("", f"own_size_tera_bit_operations_{c.name}", _own_operations(c.name))
        for c in CONVENTIONS
    ),
    *(
        Column("", f"giga_macs_{name}", _giga_macs(quantizable=part))
        for name, part in PARTS.items()
    ),
    Column("", "parameters", lambda r: r.workload.parameters if r.workload else None),
    Column("", "file_bytes", lambda r: r.file_bytes),
)


def to_csv(results: Iterable[Result]) -> str:
    """One line a result, in full precision; empty where a model has no such value."""
    columns = (*COLUMNS, *MORE_COLUMNS)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(column.key for column in columns)
    for result in results:
        values = (column.value(result) for column in columns)
        writer.writerow([escaped(v) if isinstance(v, str) else v for v in values])
    return text.getvalue()


def to_markdown(results: Iterable[Result]) -> str:
    """A table in GitHub's Markdown."""
    rows = [[column.heading for column in COLUMNS], ["---", "---"] + ["--:"] * (len(COLUMNS) - 2)]
    rows += [[column.text(result) for column in COLUMNS] for result in results]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def legend() -> list[str]:
    """What the columns mean, a line each."""
    formulas = [f"{convention.name}: {convention.formula}." for convention in CONVENTIONS]
    return [
        "Bits: average over sites and patches, the paper's FAB. By MACs: weighted by the work.",
        f"Bit operations: 10^12 for a result of {REFERENCE} px, counted in three ways. {SYMBOLS}.",
        *formulas,
        "A shipped EDSR's upsampler and tail are one convolution: F is 6.65 G at x4, not 46.28 G.",
        f"mJ: arithmetic alone, {REFERENCE} px, in 45 nm, after Horowitz, ISSCC 2014.",
        "MB: quantized weights at 8 bits, all others at 32.",
    ]


def _bits(image: Measured) -> float:
    return FLOAT_BITS if image.average_bits is None else image.average_bits
