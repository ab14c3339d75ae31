"""`cadyq upscale`: enlarge images, one or thousands."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cadyq_cli.commands.batches import check_standard_output, plan_batch, run_batch
from cadyq_cli.commands.options import (
    FILES,
    MODEL,
    OUTPUT,
    Device,
    Engine,
    FailFast,
    Jobs,
    MaxInputPixels,
    Model,
    MoreInputs,
    Overwrite,
    Quiet,
    Recursive,
    SkipExisting,
    Threads,
    Tile,
    Verbose,
    Weights,
    flag,
    opener,
    refuse_together,
    written_format,
)
from cadyq_cli.errors import InputError
from cadyq_cli.imaging.limits import MAX_PIXELS

if TYPE_CHECKING:
    from cadyq_cli.batch.jobs import Job

SIZE = "Size"


def _known_shard(text: str | None) -> str | None:
    if text is not None and not re.fullmatch(r"\d+/\d+", text):
        raise typer.BadParameter(f"{text!r} is not of the form I/N, such as 3/8")
    return text


def upscale(
    context: typer.Context,
    inputs: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="IN...",
            help="Images, and folders of images: PNG, JPEG, WebP, AVIF, TIFF, BMP, GIF. "
            "- is standard input.",
            show_default=False,
        ),
    ] = None,
    more_inputs: MoreInputs = None,
    *,
    output: Annotated[
        str | None,
        typer.Option(
            "-o",
            "--output",
            metavar="OUT",
            help="File or folder to write to; - is standard output. For a folder or several "
            "images it is a folder. \\[default: IN_x4.png beside IN.png, IN_x4 beside a folder]",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    file_format: Annotated[
        str | None,
        written_format(
            "png, jpg, webp, avif, tiff or bmp. \\[default: as the name of OUT or IN says]"
        ),
    ] = None,
    suffix: Annotated[
        str | None,
        typer.Option(
            "--suffix",
            metavar="TEXT",
            help="Appended to names that OUT does not give. \\[default: _x4 or the like]",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    quality: Annotated[
        int | None,
        typer.Option(
            "--quality",
            metavar="1..100",
            min=1,
            max=100,
            help="Quality of JPEG, WebP and AVIF. \\[default: JPEG 95, WebP lossless, AVIF 100]",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    bit_map: Annotated[
        Path | None,
        typer.Option(
            "--bit-map",
            metavar="FILE",
            help="Also draw which widths each patch got; `cadyq bitmap` draws more.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    strip_metadata: Annotated[
        bool,
        flag(
            "--strip-metadata",
            text="Drop EXIF, GPS, XMP and text; the colour profile stays.",
            panel=OUTPUT,
        ),
    ] = False,
    json: Annotated[
        bool,
        flag(
            "--json", text="Print a line of JSON for each image on standard output.", panel=OUTPUT
        ),
    ] = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    recursive: Recursive = False,
    overwrite: Overwrite = False,
    skip_existing: SkipExisting = False,
    fail_fast: FailFast = False,
    shard: Annotated[
        str | None,
        typer.Option(
            "--shard",
            metavar="I/N",
            help="Do only the I-th of N equal parts, I from 1 to N: one on each machine.",
            callback=_known_shard,
            rich_help_panel=FILES,
        ),
    ] = None,
    max_input_pixels: MaxInputPixels = MAX_PIXELS,
    scale: Annotated[
        float | None,
        typer.Option(
            "-s",
            "--scale",
            "--outscale",
            metavar="1..16",
            min=1,
            max=16,
            help="How many times as wide and as high, such as 2 or 2.5. \\[default: 4]",
            rich_help_panel=SIZE,
        ),
    ] = None,
    width: Annotated[
        int | None,
        typer.Option(
            "--width",
            metavar="PX",
            min=1,
            help="Width to reach, instead of a scale.",
            rich_help_panel=SIZE,
        ),
    ] = None,
    height: Annotated[
        int | None,
        typer.Option(
            "--height",
            metavar="PX",
            min=1,
            help="Height to reach, instead of a scale; with --width, a box to fit into.",
            rich_help_panel=SIZE,
        ),
    ] = None,
    max_pixels: Annotated[
        int | None,
        typer.Option(
            "--max-pixels",
            metavar="N",
            min=1,
            help="Shrink results that would have more pixels than this.",
            rich_help_panel=SIZE,
        ),
    ] = None,
    model: Model = "auto",
    weights: Weights = None,
    self_ensemble: Annotated[
        bool,
        flag(
            "--self-ensemble",
            text="Average over the eight orientations: slightly better, eight times as slow.",
            panel=MODEL,
        ),
    ] = False,
    alpha_is_data: Annotated[
        bool,
        flag(
            "--alpha-is-data",
            text="Alpha is no transparency, as in many game textures: keep the colours where it "
            "is 0.",
            panel=OUTPUT,
        ),
    ] = False,
    tile: Tile = 0,
    jobs: Jobs = 0,
    threads: Threads = 0,
    engine: Engine = "auto",
    device: Device = "auto",
) -> None:
    """Enlarge images.

    Examples:

        cadyq upscale photo.jpg                  writes photo_x4.jpg beside it
        cadyq upscale photo.jpg -s 2 -o big.png
        cadyq upscale photos -r -o large         a folder and all that is in it
        cadyq upscale photos -r -o large --skip-existing     resumes after Ctrl-C
        cadyq upscale a.png b.png --width 3840 -f webp --quality 90
        cat photo.jpg | cadyq upscale - -f png > big.png
    """
    sources = [*(inputs or ()), *(more_inputs or ())]
    if not sources:
        raise InputError("nothing to enlarge; name an image or a folder, or see -h")
    refuse_together(context, "--overwrite", "--skip-existing")
    refuse_together(context, "--scale", "--width", "--height")
    refuse_together(context, "--weights", "--model")

    from cadyq_cli.batch.jobs import Naming
    from cadyq_cli.batch.jobs import shard as part_of
    from cadyq_cli.batch.sizes import Wanted
    from cadyq_cli.checkpoint import shipped
    from cadyq_cli.imaging.formats import format_named

    chosen_format = format_named(file_format) if file_format else None
    files = _files(weights, model)
    usual = shipped.DEFAULT_SCALE if shipped.DEFAULT_SCALE in files else next(iter(files))
    wanted = Wanted(scale=scale or usual, width=width, height=height, max_pixels=max_pixels)
    naming = Naming(f"_{wanted.label}" if suffix is None else suffix, output, chosen_format)
    planned: Sequence[Job] = plan_batch(
        sources,
        naming,
        recursive=recursive,
        resumed=overwrite or skip_existing,
        quiet=quiet,
    )
    if shard:
        index, count = map(int, shard.split("/"))
        planned = part_of(planned, index, count)
    if bit_map is not None:
        _refuse_bit_map(bit_map, planned, overwrite=overwrite)
    check_standard_output(planned, also={"--json": json})

    open_network = opener(engine, device, threads, quiet=quiet)
    jobs = max(1, min(jobs or open_network.usual_images, len(planned)))

    from cadyq_cli.batch.attempts import Attempt
    from cadyq_cli.batch.conversion import Conversion
    from cadyq_cli.batch.models import Models
    from cadyq_cli.commands.batch_progress import BatchProgress

    conversion = Conversion(
        models=Models(files, partial(open_network.open, images=jobs)),
        wanted=wanted,
        tile=tile,
        self_ensemble=self_ensemble,
        alpha_is_data=alpha_is_data,
        quality=quality,
        strip_metadata=strip_metadata,
        max_input_pixels=max_input_pixels,
        bit_map=bit_map,
        overwrite=overwrite,
    )
    work = Attempt(work=conversion, overwrite=overwrite, skip_existing=skip_existing)
    debug = context.find_root().params["debug"]
    progress = BatchProgress(len(planned), json=json, quiet=quiet, verbose=verbose, debug=debug)
    prepare = partial(open_network.prepare, jobs)
    run_batch(planned, work, progress, workers=jobs, prepare=prepare, fail_fast=fail_fast)


def _refuse_bit_map(bit_map: Path, planned: Sequence[Job], *, overwrite: bool) -> None:
    """Raise, before the work starts, if the map cannot be drawn where it should go."""
    from cadyq_cli.imaging.files import check_place

    if len(planned) != 1:
        raise InputError("--bit-map names one file, for one image")
    if bit_map.resolve() in (planned[0].source.resolve(), planned[0].target.resolve()):
        raise InputError(f"--bit-map {bit_map} is the image or its result")
    check_place(bit_map, overwrite=overwrite, coming=planned[0].target.parent)


def _files(weights: Path | None, model: str) -> Mapping[int, Path]:
    """The weights to choose from, by their scales.

    Raises:
        CheckpointError: these are no weights.
        InputError: no such model is shipped.
    """
    from cadyq_cli.checkpoint import shipped, stored

    if weights is not None:
        return {stored.read_card(weights).scale: weights}
    name, scale = shipped.split(model)
    return shipped.scales(model) if scale is None else {scale: shipped.find(name, scale)}
