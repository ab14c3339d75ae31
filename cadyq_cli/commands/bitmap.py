"""`cadyq bitmap`: see where the bits go."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import typer

from cadyq_cli.commands.batches import check_standard_output, plan_batch, run_batch
from cadyq_cli.commands.map_planning import (
    figure_naming,
    network_files,
    read_numbers,
    refuse_beside_a_page,
    refuse_contradictions,
)
from cadyq_cli.commands.options import (
    MODEL,
    OUTPUT,
    RUNNING,
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
    Weights,
    flag,
    opener,
    written_format,
)
from cadyq_cli.errors import InputError
from cadyq_cli.escaping import escaped
from cadyq_cli.imaging.limits import MAX_PIXELS

FIGURE = "Figure"

Palette = Literal["fjord", "ember", "dusk", "gray"]


def bitmap(
    context: typer.Context,
    images: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="IN",
            help="Images, and folders of images. - is standard input.",
            show_default=False,
        ),
    ] = None,
    more_images: MoreInputs = None,
    *,
    output: Annotated[
        str | None,
        typer.Option(
            "-o",
            "--output",
            metavar="OUT",
            help="Figure, or a page to explore if it ends in .html; - is standard output. For a "
            "folder or several images it is a folder. \\[default: IN_bits.png beside IN, IN_bits "
            "beside a folder]",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    file_format: Annotated[
        str | None,
        written_format(
            "png, jpg, webp, avif, tiff, bmp or html. \\[default: as the name of OUT says, or png]"
        ),
    ] = None,
    suffix: Annotated[
        str,
        typer.Option(
            "--suffix",
            metavar="TEXT",
            help="Appended to names that OUT does not give.",
            rich_help_panel=OUTPUT,
        ),
    ] = "_bits",
    as_json: Annotated[
        bool,
        flag(
            "--json",
            text="Also print all numbers on standard output, one line for each image.",
            panel=OUTPUT,
        ),
    ] = False,
    npz: Annotated[
        bool,
        flag("--npz", text="Also write all numbers beside OUT, as NumPy arrays.", panel=OUTPUT),
    ] = False,
    quiet: Quiet = False,
    site: Annotated[
        str | None,
        typer.Option(
            "--site",
            metavar="NAME",
            help="Show one site instead of the mean over all.",
            rich_help_panel=FIGURE,
        ),
    ] = None,
    sites: Annotated[
        Literal["all"] | None,
        typer.Option(
            "--sites", metavar="all", help="Show every site, on one sheet.", rich_help_panel=FIGURE
        ),
    ] = None,
    by_layer: Annotated[
        bool,
        flag("--by-layer", text="Plot widths against depth instead of a map.", panel=FIGURE),
    ] = False,
    compare: Annotated[
        tuple[str, str] | None,
        typer.Option(
            "--compare",
            metavar="A B",
            help="Show two networks, names or weights files, and their difference.",
            show_default=False,
            rich_help_panel=FIGURE,
        ),
    ] = None,
    stretch: Annotated[
        bool,
        flag(
            "--stretch",
            text="Make small differences visible: spread the colours over this map's own range of "
            "widths. The colours of two maps then mean different widths.",
            panel=FIGURE,
        ),
    ] = False,
    values: Annotated[
        bool,
        flag("--values", text="Write numbers into patches that have room for them.", panel=FIGURE),
    ] = False,
    over: Annotated[
        Literal["input", "output"],
        typer.Option(
            "--over",
            metavar="input|output",
            help="Which picture lies beneath the colours: IN, or IN enlarged.",
            rich_help_panel=FIGURE,
        ),
    ] = "input",
    opacity: Annotated[
        float,
        typer.Option(
            "--opacity",
            metavar="0..1",
            min=0,
            max=1,
            help="0 shows the picture alone, 1 the colours alone.",
            rich_help_panel=FIGURE,
        ),
    ] = 0.45,
    palette: Annotated[
        Palette,
        typer.Option(
            "--palette",
            metavar="fjord|ember|dusk|gray",
            help="Colours, dark for few bits, light for many; safe for colour-blind readers.",
            rich_help_panel=FIGURE,
        ),
    ] = "fjord",
    no_legend: Annotated[
        bool,
        flag("--no-legend", text="Leave the colour bar out.", panel=FIGURE),
    ] = False,
    recursive: Recursive = False,
    overwrite: Overwrite = False,
    skip_existing: SkipExisting = False,
    fail_fast: FailFast = False,
    max_input_pixels: MaxInputPixels = MAX_PIXELS,
    scale: Annotated[
        int | None,
        typer.Option(
            "-s",
            "--scale",
            metavar="2|3|4",
            min=1,
            help="How many times as large the network makes images. \\[default: 4]",
            rich_help_panel=MODEL,
        ),
    ] = None,
    model: Model = "auto",
    weights: Weights = None,
    from_json: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="FILE",
            help="Draw the numbers that --json printed, without a network.",
            rich_help_panel=MODEL,
        ),
    ] = None,
    list_sites: Annotated[
        bool,
        flag("--list-sites", text="Print the names of the network's sites and exit.", panel=MODEL),
    ] = False,
    tile: Tile = 0,
    finer: Annotated[
        int,
        typer.Option(
            "--finer",
            metavar="1..16",
            min=1,
            max=16,
            help="Make the map N times as fine, at N x N times the work: patches overlap, and each "
            "cell shows the patch around its middle. The outermost cells, up to half a patch "
            "wide, show the patch at the edge; a picture of one patch needs a smaller --tile.",
            rich_help_panel=RUNNING,
        ),
    ] = 1,
    jobs: Jobs = 0,
    threads: Threads = 0,
    engine: Engine = "auto",
    device: Device = "auto",
) -> None:
    """Show which bit widths each patch of an image gets.

    Examples:

        cadyq bitmap photo.jpg                       writes photo_bits.png beside it
        cadyq bitmap photo.jpg -o report.html        a page to explore
        cadyq bitmap photo.jpg --finer 4 --stretch   more detail, stronger colours
        cadyq bitmap photo.jpg --sites all           every site of the network
        cadyq bitmap photo.jpg --json > map.json     all the numbers
        cadyq bitmap photos -r -o maps               a folder and all that is in it
    """
    sources = [*(images or ()), *(more_images or ())]
    refuse_contradictions(context)
    if not (sources or list_sites):
        raise InputError("nothing to show; name an image or a folder, or see -h")
    files = {} if from_json else network_files(compare or (weights or model,), scale)
    if list_sites:
        (path,) = files.values()
        for name in opener(engine, device, threads, quiet=quiet).open(path).candidates:
            typer.echo(escaped(name))
        return
    naming, as_page = figure_naming(sources, output, file_format, suffix)
    if as_page:
        refuse_beside_a_page(context)
    planned = plan_batch(
        sources,
        naming,
        recursive=recursive,
        resumed=overwrite or skip_existing,
        quiet=quiet,
    )
    if from_json and len(planned) > 1:
        raise InputError("--from draws one map over one image")
    check_standard_output(planned, also={"--json": as_json, "--npz": npz})
    numbers = read_numbers(from_json) if from_json else None

    from cadyq_cli.batch.attempts import Attempt
    from cadyq_cli.batch.drawing import Drawing
    from cadyq_cli.batch.models import OnDemand
    from cadyq_cli.bitmaps.tints import Style
    from cadyq_cli.bitmaps.views import Colouring, View
    from cadyq_cli.commands.map_progress import MapProgress

    workers, networks, prepare = 1, {}, None
    if files:
        open_network = opener(engine, device, threads, quiet=quiet)
        workers = max(1, min(jobs or open_network.usual_images, len(planned)))
        opening = partial(open_network.open, images=workers)
        networks = {name: OnDemand(partial(opening, path)) for name, path in files.items()}
        prepare = partial(open_network.prepare, workers)
    drawing = Drawing(
        view=View(
            site=site,
            sheet=sites is not None,
            by_layer=by_layer,
            style=Style(opacity=opacity, values=values, legend=not no_legend),
            colouring=Colouring(palette=palette, stretch=stretch),
        ),
        networks=networks,
        numbers=numbers,
        tile=tile,
        finer=finer,
        over_output=over == "output",
        as_page=as_page,
        npz=npz,
        overwrite=overwrite,
        max_input_pixels=max_input_pixels,
    )
    work = Attempt(work=drawing, overwrite=overwrite, skip_existing=skip_existing)
    debug = context.find_root().params["debug"]
    progress = MapProgress(len(planned), numbers=as_json, quiet=quiet, debug=debug)
    run_batch(planned, work, progress, workers=workers, prepare=prepare, fail_fast=fail_fast)
