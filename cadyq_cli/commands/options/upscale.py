"""What `cadyq upscale` can be told."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from cadyq_cli.commands.options.declaring import against, argument, option
from cadyq_cli.commands.options.shared import Files, Inputs, Model, Telling, output_format
from cadyq_cli.imaging.kinds import READABLE, WRITABLE
from cadyq_cli.networks import shipped

if TYPE_CHECKING:
    from cadyq_cli.batch.jobs import Naming
    from cadyq_cli.batch.sizes import Wanted
    from cadyq_cli.commands.batch_progress import BatchProgress


def _known_shard(text: str | None) -> str | None:
    if text is not None and not re.fullmatch(r"\d+/\d+", text):
        raise typer.BadParameter(f"{text!r} is not of the form I/N, such as 3/8")
    return text


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Pictures(Inputs):
    """What to enlarge."""

    images: list[Path] | None = argument(
        None,
        f"Images, and folders of images: {READABLE}. - is standard input.",
        metavar="IN...",
    )


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Size:
    """How large the result is."""

    scale: float | None = option(
        None,
        "How many times as wide and as high, such as 2 or 2.5.",
        *("-s", "--scale", "--outscale"),
        metavar="1..16",
        least=1,
        most=16,
        usually=str(shipped.DEFAULT_SCALE),
        common=True,
        excludes=(against("width", "height"),),
    )
    width: int | None = option(
        None, "Width to reach, instead of a scale.", metavar="PX", least=1, common=True
    )
    height: int | None = option(
        None,
        "Height to reach, instead of a scale; with --width, a box to fit into.",
        metavar="PX",
        least=1,
        common=True,
    )
    max_pixels: int | None = option(
        None, "Shrink results that would have more pixels than this.", least=1
    )

    def wanted(self, scales: Mapping[int, Path]) -> Wanted:
        """What that is for networks of some scales."""
        from cadyq_cli.batch.sizes import Wanted

        usual = shipped.DEFAULT_SCALE if shipped.DEFAULT_SCALE in scales else next(iter(scales))
        return Wanted(
            scale=self.scale or usual,
            width=self.width,
            height=self.height,
            max_pixels=self.max_pixels,
        )


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Output(Telling):
    """Where results go, and what is in them."""

    output: str | None = option(
        None,
        "File or folder to write to; - is standard output. For a folder or several images it is a"
        " folder.",
        "-o",
        metavar="OUT",
        usually="IN_x4.png beside IN.png, IN_x4 beside a folder",
        common=True,
    )
    file_format: str | None = output_format(WRITABLE, "as the name of OUT or IN says")
    suffix: str | None = option(
        None,
        "Appended to names that OUT does not give.",
        metavar="TEXT",
        usually="_x4 or the like",
    )
    quality: int | None = option(
        None,
        "Quality of JPEG, WebP, AVIF, HEIC and JXL.",
        metavar="1..100",
        least=1,
        most=100,
        usually="WebP and JXL lossless, AVIF 100, the others 95",
        common=True,
    )
    bit_map: Path | None = option(
        None, "Also draw which widths each patch got; `cadyq bitmap` draws more."
    )
    strip_metadata: bool = option(False, "Drop EXIF, GPS, XMP and text; the colour profile stays.")
    alpha_is_data: bool = option(
        False,
        "Alpha is no transparency, as in many game textures: keep the colours where it is 0.",
    )
    json: bool = option(False, "Print a line of JSON for each image on standard output.")
    verbose: bool = option(False, "Print details.", "-v")

    def progress(self, context: typer.Context, images: int) -> BatchProgress:
        """What tells how a batch goes."""
        from cadyq_cli.commands.batch_progress import BatchProgress

        return BatchProgress(
            images,
            json=self.json,
            quiet=self.quiet,
            verbose=self.verbose,
            debug=context.find_root().params["debug"],
            command=context.command,
        )

    def naming(self, wanted: Wanted) -> Naming:
        """What to call the results."""
        from cadyq_cli.batch.jobs import Naming
        from cadyq_cli.imaging.formats import format_named

        file_format = format_named(self.file_format) if self.file_format else None
        suffix = f"_{wanted.label}" if self.suffix is None else self.suffix
        return Naming(suffix, self.output, file_format)


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class ManyFiles(Files):
    """Which images are taken."""

    PANEL = Files.__name__
    shard: str | None = option(
        None,
        "Do only the I-th of N equal parts, I from 1 to N: one on each machine.",
        metavar="I/N",
        check=_known_shard,
    )


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Network(Model):
    """The network, and how it is used."""

    PANEL = Model.__name__
    self_ensemble: bool = option(
        False, "Average over the eight orientations: slightly better, eight times as slow."
    )

    def files(self) -> Mapping[int, Path]:
        """The weights to choose from, by their scales.

        Raises:
            CheckpointError: these are no weights.
            InputError: no such model is shipped.
        """
        from cadyq_cli.networks import stored

        if self.weights is not None:
            return {stored.read_card(self.weights).scale: self.weights}
        name, scale = shipped.split(self.model)
        return shipped.scales(self.model) if scale is None else {scale: shipped.find(name, scale)}
