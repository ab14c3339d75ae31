"""`cadyq bitmap`: see where the bits go."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from cadyq_cli.commands.batches import run_batch, tell_of_results
from cadyq_cli.commands.options import (
    MODEL,
    OUTPUT,
    RUNNING,
    Device,
    Engine,
    Model,
    Quiet,
    Threads,
    Weights,
    flag,
    opener,
)
from cadyq_cli.errors import CheckpointError, FileError, InputError

if TYPE_CHECKING:
    from cadyq_cli.batch.jobs import Job
    from cadyq_cli.batch.outcome import Outcome
    from cadyq_cli.engine.runner import Runner
    from cadyq_cli.imaging.formats import Format
    from cadyq_cli.upscaling import Tracker
    from cadyq_cli.visuals.bitmap import BitMap
    from cadyq_cli.visuals.drawing import Drawing

FIGURE = "Figure"
FILES = "Files"

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
    more_images: Annotated[
        list[Path] | None,
        typer.Option("-i", "--input", metavar="IN", help="The same as IN.", show_default=False),
    ] = None,
    *,
    output: Annotated[
        str | None,
        typer.Option(
            "-o",
            "--output",
            metavar="OUT",
            help="Figure, or page to explore if it ends in .html; - is standard output. For a "
            "folder or several images it is a folder. \\[default: IN_bits.png beside IN, IN_bits "
            "beside a folder]",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    file_format: Annotated[
        str | None,
        typer.Option(
            "-f",
            "--format",
            "--ext",
            metavar="NAME",
            help="png, jpg, webp, avif, tiff, bmp or html. \\[default: as OUT is called, or png]",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    suffix: Annotated[
        str,
        typer.Option(
            "--suffix",
            metavar="TEXT",
            help="Behind the names of files that OUT does not name.",
            rich_help_panel=OUTPUT,
        ),
    ] = "_bits",
    as_json: Annotated[
        bool,
        flag(
            "--json",
            text="Print all numbers on standard output too, one line for each image.",
            panel=OUTPUT,
        ),
    ] = False,
    npz: Annotated[
        bool,
        flag("--npz", text="Write all numbers beside OUT too, as NumPy arrays.", panel=OUTPUT),
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
            text="Make small differences visible: spend all colours on the widths between this "
            "map's least and most. Colours of two maps then mean different widths.",
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
            help="Which picture lies beneath: IN, or IN enlarged.",
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
    recursive: Annotated[
        bool,
        flag(
            "-r",
            "--recursive",
            text="Look into the folders in folders, and keep their tree.",
            panel=FILES,
        ),
    ] = False,
    overwrite: Annotated[
        bool,
        flag("--overwrite", text="Replace results that exist already.", panel=FILES),
    ] = False,
    skip_existing: Annotated[
        bool,
        flag(
            "--skip-existing",
            text="Leave out images whose result exists already, as after an interruption.",
            panel=FILES,
        ),
    ] = False,
    fail_fast: Annotated[
        bool,
        flag("--fail-fast", text="Stop at the first image that fails.", panel=FILES),
    ] = False,
    max_input_pixels: Annotated[
        int,
        typer.Option(
            "--max-input-pixels",
            metavar="N",
            min=1,
            help="Refuse larger images before they are decoded.",
            rich_help_panel=FILES,
        ),
    ] = 250_000_000,
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
        flag("--list-sites", text="Print the names of the network's sites and end.", panel=MODEL),
    ] = False,
    tile: Annotated[
        int,
        typer.Option(
            "-t",
            "--tile",
            metavar="PX",
            min=0,
            show_default=False,
            help="Edge of a patch, which gets bit widths of its own, in pixels of IN; 0 chooses.",
            rich_help_panel=RUNNING,
        ),
    ] = 0,
    finer: Annotated[
        int,
        typer.Option(
            "--finer",
            metavar="1..16",
            min=1,
            max=16,
            help="Make the map N times as fine, in N x N times the work: patches overlap, and each "
            "cell shows the patch around its middle. The outermost cells, up to half a patch "
            "wide, show the patch at the edge; a picture of one patch needs a smaller --tile.",
            rich_help_panel=RUNNING,
        ),
    ] = 1,
    jobs: Annotated[
        int,
        typer.Option(
            "-j",
            "--jobs",
            metavar="N",
            min=0,
            show_default=False,
            help="Images to work on at a time, each with an equal share of the threads; 0 chooses.",
            rich_help_panel=RUNNING,
        ),
    ] = 0,
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
        cadyq bitmap photos -r -o maps               a folder with all that is in it
    """
    sources = [*(images or ()), *(more_images or ())]
    figures = {"--site": site, "--sites": sites, "--by-layer": by_layer, "--compare": compare}
    chosen = [name for name, given in figures.items() if given]
    if len(chosen) > 1:
        raise InputError(f"{' and '.join(chosen)} are figures of their own; choose one")
    if from_json and (compare or over == "output" or list_sites):
        raise InputError("--from needs no network: no --compare, --over output or --list-sites")
    if overwrite and skip_existing:
        raise InputError("--overwrite and --skip-existing contradict each other")
    if not (sources or list_sites):
        raise InputError("nothing to show; name an image or a folder, or see -h")
    if weights and model != "auto":
        raise InputError("--model and --weights contradict each other")
    files = {} if from_json else _files(compare or (weights or model,), scale)
    if list_sites:
        (path,) = files.values()
        for name in opener(engine, device, threads, quiet=quiet).open(path).candidates:
            typer.echo(name)
        return
    results: list[Path] = []
    leave_out = results.append if overwrite or skip_existing else None
    planned, as_page = _plan(sources, output, file_format, suffix, recursive, leave_out)
    tell_of_results(results, quiet=quiet)
    _refuse_nonsense(planned, from_json, compare if as_page else None, as_json, npz)
    numbers = _read_map(from_json) if from_json else None
    networks: dict[str, Callable[[], Runner]] = {}
    prepare: Callable[[], object] = lambda: None  # noqa: E731
    workers = 1
    if files:
        open_network = opener(engine, device, threads, quiet=quiet)
        workers = max(1, min(jobs or open_network.usual_images, len(planned)))
        prepare = partial(open_network.prepare, workers)

        from cadyq_cli.batch.models import Models

        opening = partial(open_network.open, images=workers)
        for name, path in files.items():
            networks[name] = partial(Models({0: path}, opening).network, 0)

    from cadyq_cli.commands.map_progress import MapProgress
    from cadyq_cli.visuals.drawing import Drawing
    from cadyq_cli.visuals.figure import Style
    from cadyq_cli.visuals.views import Colouring, View

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
    debug = context.find_root().params["debug"]
    progress = MapProgress(len(planned), numbers=as_json, quiet=quiet, debug=debug)
    work = _Work(drawing, skip_existing)
    run_batch(planned, work, progress, workers=workers, prepare=prepare, fail_fast=fail_fast)


def _files(networks: Sequence[Path | str], scale: int | None) -> dict[str, Path]:
    """The weights files of networks, by what to call these.

    Raises:
        CheckpointError: one is no weights file.
        InputError: one is not what it should be.
    """
    paths = [_file(network, scale) for network in networks]
    if len({path.resolve() for path in paths}) < len(paths):
        raise InputError("--compare needs two networks")
    stems = [path.stem for path in paths]
    names = stems if len(set(stems)) == len(stems) else map(str, networks)
    return dict(zip(names, paths, strict=True))


def _file(network: Path | str, scale: int | None) -> Path:
    from cadyq_cli.checkpoint import shipped, stored

    path = network if isinstance(network, Path) else shipped.locate(network, scale)
    card = stored.read_card(path)
    if scale not in (None, card.scale):
        raise InputError(f"--scale {scale}: {network} enlarges {card.scale} times")
    if card.precision == "float":
        raise InputError(f"{path.stem} computes in floating point; there are no bit widths to show")
    return path


def _plan(
    images: list[Path],
    output: str | None,
    file_format: str | None,
    suffix: str,
    recursive: bool,
    leave_out: Callable[[Path], object] | None,
) -> tuple[list[Job], bool]:
    """Each image, and the figure or page to make of it; whether these are pages."""
    from cadyq_cli.batch.jobs import STREAM, Naming, is_image_name, names_a_folder, plan
    from cadyq_cli.imaging.formats import format_named
    from cadyq_cli.visuals.drawing import PAGE

    alone = len(images) == 1 and not images[0].is_dir()
    file = None if output is None or names_a_folder(output) else Path(output)
    named = file.suffix.lower() if file else ""
    as_page = (f".{file_format}".lower() if file_format else named) == PAGE
    if file and as_page != (named == PAGE) and (named == PAGE or is_image_name(file)):
        raise InputError(f"-o {output} and --format {file_format} contradict each other")
    if named == PAGE and not alone:
        raise InputError(f"-o {output}: several images need a folder to go to")
    written: Format | None = format_named("png")  # of a page in name only
    if file_format and not as_page:
        written = format_named(file_format)
    elif alone and named and not as_page:
        written = None
    jobs = plan(images, Naming(suffix, output, written), recursive=recursive, leave_out=leave_out)
    if as_page and not (alone and file):
        jobs = [
            job if job.target == STREAM else replace(job, target=job.target.with_suffix(PAGE))
            for job in jobs
        ]
    return jobs, as_page


def _refuse_nonsense(
    planned: Sequence[Job],
    from_json: Path | None,
    page_of: tuple[str, str] | None,
    as_json: bool,
    npz: bool,
) -> None:
    """Raise for what is wrong with the options beside such jobs."""
    from cadyq_cli.batch.jobs import STREAM

    if from_json and len(planned) > 1:
        raise InputError("--from draws one map over one image")
    if page_of:
        raise InputError("--compare draws a figure, not a page")
    if any(job.target == STREAM for job in planned):
        if as_json or npz:
            raise InputError("standard output takes the figure alone, without --json or --npz")
        if sys.stdout.isatty():
            raise InputError("standard output is a terminal; name a file with -o")


def _read_map(path: Path) -> BitMap:
    from cadyq_cli.visuals.bitmap import BitMap

    try:
        return BitMap.from_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise FileError(path, f"cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise FileError(path, str(error), hint="--json prints what can be drawn") from error


@dataclass(frozen=True, slots=True)
class _Work:
    """What is done to each image; threads share it."""

    drawing: Drawing
    skip_existing: bool

    def __call__(self, job: Job, track: Tracker) -> Outcome:
        from cadyq_cli.batch.conversion import Stopped
        from cadyq_cli.commands.map_progress import MapOutcome

        try:
            if self.skip_existing and job.target.exists():
                return MapOutcome(job=job, status="skipped")
            drawn = self.drawing(job.source, job.target, job.format, track)
        except (CheckpointError, InputError, Stopped):
            raise
        except Exception as error:  # noqa: BLE001  one image never stops the others
            return MapOutcome(job=job, status="failed", error=error)
        return MapOutcome(job=job, status="done", maps=drawn.maps, notes=drawn.notes)
