"""What `cadyq eval` can be told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from cadyq_cli.backbones.known import named
from cadyq_cli.commands.options.declaring import against, argument, option
from cadyq_cli.commands.options.shared import Running, Telling
from cadyq_cli.degradations.degradation import Degradation
from cadyq_cli.degradations.naming import KNOWN, NONE, degradation_of
from cadyq_cli.errors import InputError
from cadyq_cli.networks import shipped

if TYPE_CHECKING:
    from cadyq_cli.evaluation.pairs import Dataset
    from cadyq_cli.evaluation.protocol import Comparison, Patches

_ONE_FORM = "`json`, `csv` and `markdown` exclude each other"
_FOR_PEOPLE = "`histogram` is for people, without `json`, `csv` or `markdown`"


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Tested:
    """What is measured."""

    models: list[str] | None = argument(
        None,
        "bicubic, bicubic-luma (luma alone, from the large image, as published), a network that"
        " comes with cadyq such as edsr-x4, or a weights file."
        " \\[default: bicubic and all that come with cadyq]",
        metavar="MODEL",
    )


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Images:
    """What it is measured on."""

    data: list[Path] = option(
        ...,
        "Folder of large images, or with HR and LR_bicubic/X4 in it. May be repeated.",
        "-d",
        metavar="DIR",
        common=True,
    )
    lr: list[Path] | None = option(
        None,
        "Folder of their small images; one for each --data.",
        metavar="DIR",
        usually="made as MATLAB's imresize does",
        common=True,
    )
    scale: Literal[2, 3, 4] | None = option(
        None,
        "How many times as wide and as high.",
        "-s",
        usually=f"what the models say, else {shipped.DEFAULT_SCALE}",
        common=True,
    )

    degrade: str = option(
        NONE,
        f"What the small images go through, the same for each model: {KNOWN}. Bicubic is measured"
        " beside.",
        metavar="NAME",
        usually="nothing",
    )

    def check(self) -> None:
        """Raise an `InputError` unless each folder has one of small images, or none has."""
        if self.lr and len(self.lr) != len(self.data):
            counts = f"{len(self.lr)} `lr` folders for {len(self.data)} `data` folders"
            raise InputError(counts)

    def degradation(self) -> Degradation:
        """What the small images go through.

        Raises:
            InputError: it is unknown.
        """
        return degradation_of(self.degrade)

    def sets(self, scale: int) -> Sequence[Dataset]:
        """The test sets, by names of their own.

        Raises:
            FileError: a folder lacks images.
        """
        from cadyq_cli.evaluation.pairs import discover

        smalls: Sequence[Path | None] = self.lr or [None] * len(self.data)
        sets = [discover(d, scale, shrunk=s) for d, s in zip(self.data, smalls, strict=True)]
        if len({dataset.name for dataset in sets}) < len(sets):
            sets = [replace(s, name=str(d)) for d, s in zip(self.data, sets, strict=True)]
        return sets


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Protocol:
    """How images are cut and compared."""

    patch: int = option(
        0,
        "Side of a patch in px of the small image; papers say 96. 0: whole images.",
        "-p",
        metavar="PX",
        least=0,
        usually="0",
        common=True,
    )
    step: int | None = option(
        None,
        "From one patch to the next.",
        metavar="PX",
        least=1,
        usually="6 px less than a patch",
    )
    official_patches: bool = option(
        False, "Stretch the last patches to the edge as the released code does."
    )
    self_ensemble: bool = option(
        False,
        "Average over the eight orientations, the + of papers: eight times the work.",
    )
    border: int | None = option(
        None, "Not compared at each edge.", metavar="PX", least=0, usually="the scale"
    )
    rgb: bool = option(False, "Compare RGB instead of luma.", common=True)
    whole_luma: bool = option(False, "Round luma, as MATLAB's rgb2ycbcr does.")

    def check(self) -> None:
        """Raise an `InputError` for patches with gaps, or without a size."""
        if self.patch and self.step and self.step > self.patch:
            raise InputError(f"`step` {self.step}: patches of {self.patch} px would leave gaps")
        if not self.patch and (self.step or self.official_patches):
            raise InputError("`step` and `official_patches` need `patch`")

    def patches(self) -> Patches:
        """How the small image is cut."""
        from cadyq_cli.evaluation.protocol import Patches

        step = self.step or max(self.patch - 6, min(self.patch, 1))
        return Patches(size=self.patch, stride=step, stretched=self.official_patches)

    def comparison(self, scale: int) -> Comparison:
        """What is compared at a scale."""
        from cadyq_cli.evaluation.protocol import Comparison

        border = scale if self.border is None else self.border
        return Comparison(border=border, rgb=self.rgb, whole_luma=self.whole_luma)


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Output(Telling):
    """In which form results are printed or drawn."""

    json: bool = option(
        False,
        "Print everything as JSON.",
        excludes=(
            against("csv", "markdown", words=_ONE_FORM),
            against("histogram", words=_FOR_PEOPLE),
        ),
        common=True,
    )
    csv: bool = option(
        False,
        "Print the table as CSV.",
        excludes=(
            against("markdown", words=_ONE_FORM),
            against("histogram", words=_FOR_PEOPLE),
        ),
        common=True,
    )
    markdown: bool = option(
        False,
        "Print the table as Markdown.",
        excludes=(against("histogram", words=_FOR_PEOPLE),),
        common=True,
    )
    per_image: bool = option(False, "One row an image.", common=True)
    histogram: bool = option(False, "Show how often each site chose each width.", common=True)
    plot: Path | None = option(
        None, "Draw PSNR against average bits, such as plot.png.", common=True
    )
    overwrite: bool = option(False, "Replace that FILE.")


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Authors(Running):
    """What to compute with, and whose files are given."""

    official: str | None = option(
        None,
        f"What the MODEL files are that come from the paper's authors; {named('official')}.",
        common=True,
    )
