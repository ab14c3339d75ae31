"""What `cadyq calibrate` can be told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import typer

from cadyq_cli.commands.options.declaring import against, argument, option
from cadyq_cli.commands.options.shared import OnDevice, Telling
from cadyq_cli.degradations.naming import KNOWN, NONE


def _widths(text: str) -> str:
    if not all(part.strip().isdigit() for part in text.split(",")):
        raise typer.BadParameter(f"{text!r} is no list of widths such as 4,5,6")
    return text


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Given:
    """The network, and what to look at."""

    model: str = argument(
        ..., "A float network: a weights file, or one that comes with cadyq.", metavar="MODEL"
    )
    photos: list[Path] = argument(
        ...,
        "16 or more pictures of any kind, or folders of them; large versions are not needed.",
        metavar="PHOTOS...",
    )


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Output(Telling):
    """Where the result goes."""

    PANEL: ClassVar[str] = "Options"
    output: Path = option(..., "Weights file to write.", "-o", metavar="FILE", common=True)
    overwrite: bool = option(False, "Replace a file that exists already.", common=True)


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Aim:
    """What to aim at."""

    bits: float | None = option(
        None,
        "Average width to spend; of a static network its only one.",
        usually="the fewest at which at most 0.05 dB is expected to be lost; static: 8",
        least=2,
        most=8,
        common=True,
    )
    widths: str = option(
        "4,5,6,7,8",
        "Widths that a patch can get.",
        metavar="A,B,...",
        check=_widths,
        common=True,
        excludes=(against("static"),),
    )
    static: bool = option(False, "The same width for every patch and layer.", common=True)
    seconds: float = option(
        60, "How long it may take, about; more looks at more of the pictures.", least=1, common=True
    )
    degrade: str = option(
        NONE,
        f"For a network that restores: what the pictures go through first, {KNOWN}.",
        metavar="NAME",
        usually="nothing",
    )
    weight_bits: int = option(8, "Width of weights, for comparisons.", least=2, most=8)
    seed: int = option(0, "Of all random choices.")


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Running(OnDevice):
    """Where to compute."""
