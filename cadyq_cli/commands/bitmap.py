"""`cadyq bitmap`: see where the bits go."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO, Literal

import typer

from cadyq_cli.commands.options import (
    DEFAULT_SCALE,
    MODEL,
    OUTPUT,
    RUNNING,
    Device,
    Model,
    Quiet,
    Weights,
    flag,
    torch_device,
)
from cadyq_cli.errors import FileError, ImageError, InputError

if TYPE_CHECKING:
    from cadyq_cli.checkpoint import Network
    from cadyq_cli.visuals.bitmap import BitMap
    from cadyq_cli.visuals.figure import Pixels
    from cadyq_cli.visuals.views import View

FIGURE = "Figure"
PAGE = ".html"
WEIGHTS = ".safetensors"

Palette = Literal["fjord", "ember", "dusk", "gray"]


def bitmap(
    images: Annotated[
        list[Path] | None,
        typer.Argument(metavar="IN", help="Images, or folders of images.", show_default=False),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(
            "-o",
            "--output",
            metavar="OUT",
            help="Figure, page (.html) or folder to write. \\[default: IN_bits.png beside IN]",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    *,
    file_format: Annotated[
        str | None,
        typer.Option(
            "-f",
            "--format",
            metavar="NAME",
            help="png, jpg, webp ... or html, where OUT does not tell.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    overwrite: Annotated[bool, flag("--overwrite", text="Replace OUT.", panel=OUTPUT)] = False,
    skip_existing: Annotated[
        bool,
        flag("--skip-existing", text="Leave out images whose OUT exists already.", panel=OUTPUT),
    ] = False,
    recursive: Annotated[
        bool,
        flag("-r", "--recursive", text="Look into the folders in a folder.", panel=OUTPUT),
    ] = False,
    as_json: Annotated[
        bool,
        flag("--json", text="Print all numbers too, one line an image.", panel=OUTPUT),
    ] = False,
    npz: Annotated[
        bool,
        flag("--npz", text="Write all numbers beside OUT as NumPy arrays too.", panel=OUTPUT),
    ] = False,
    quiet: Quiet = False,
    site: Annotated[
        str | None,
        typer.Option(
            "--site",
            metavar="NAME",
            help="Show one site instead of the mean of all.",
            rich_help_panel=FIGURE,
        ),
    ] = None,
    sites: Annotated[
        Literal["all"] | None,
        typer.Option("--sites", help="Show every site, on one sheet.", rich_help_panel=FIGURE),
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
            help="Show two networks (names or weights files) and their difference.",
            show_default=False,
            rich_help_panel=FIGURE,
        ),
    ] = None,
    over: Annotated[
        Literal["input", "output"],
        typer.Option("--over", help="Which picture lies beneath.", rich_help_panel=FIGURE),
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
        typer.Option("--palette", help="Colours, dark to light.", rich_help_panel=FIGURE),
    ] = "fjord",
    stretch: Annotated[
        bool,
        flag(
            "--stretch",
            text="Spend all colours on the widths between this map's least and most.",
            panel=FIGURE,
        ),
    ] = False,
    values: Annotated[
        bool,
        flag("--values", text="Write numbers into patches that have room for them.", panel=FIGURE),
    ] = False,
    no_legend: Annotated[
        bool,
        flag("--no-legend", text="Leave the colour bar out.", panel=FIGURE),
    ] = False,
    scale: Annotated[
        Literal[2, 3, 4] | None,
        typer.Option(
            "-s",
            "--scale",
            help="How many times as large the network makes images. \\[default: 4]",
            rich_help_panel=MODEL,
        ),
    ] = None,
    model: Model = "edsr",
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
            help="Edge of a patch in pixels of IN; 0 chooses as upscale does.",
            rich_help_panel=RUNNING,
        ),
    ] = 0,
    finer: Annotated[
        int,
        typer.Option(
            "--finer",
            metavar="N",
            min=1,
            max=16,
            help="Let patches overlap for a map N times as fine; N x N times the work.",
            rich_help_panel=RUNNING,
        ),
    ] = 1,
    device: Device = "auto",
) -> None:
    """Show which bit widths each patch of an image gets.

    Examples:

        cadyq bitmap photo.jpg                    writes photo_bits.png beside it
        cadyq bitmap photo.jpg -o report.html     a page to explore
        cadyq bitmap photo.jpg --sites all        every site of the network
        cadyq bitmap photo.jpg --json > map.json  all the numbers
    """
    figures = {"--site": site, "--sites": sites, "--by-layer": by_layer, "--compare": compare}
    chosen = [name for name, given in figures.items() if given]
    if len(chosen) > 1:
        raise InputError(f"{' and '.join(chosen)} are figures of their own; choose one")
    if from_json and (compare or over == "output" or list_sites):
        raise InputError("--from needs no network: no --compare, --over output or --list-sites")
    if overwrite and skip_existing:
        raise InputError("--overwrite and --skip-existing contradict each other")
    if list_sites:
        for name in _network(weights, model, scale, device)[1].candidates:
            typer.echo(name)
        return
    jobs = _plan(images or [], output, file_format, recursive=recursive)
    if from_json and len(jobs) > 1:
        raise InputError("--from draws one map over one image")
    if compare and any(target.suffix == PAGE for _, target in jobs):
        raise InputError("--compare draws a figure, not a page")

    from cadyq_cli.visuals.figure import Style
    from cadyq_cli.visuals.views import Colouring, View

    view = View(
        site=site,
        sheet=sites is not None,
        by_layer=by_layer,
        style=Style(opacity=opacity, values=values, legend=not no_legend),
        colouring=Colouring(palette=palette, stretch=stretch),
    )
    asked = [(Path(name) if name.endswith(WEIGHTS) else None, name) for name in compare or ()]
    work = _Work(
        networks=[]
        if from_json
        else [_network(*each, scale, device) for each in asked or [(weights, model)]],
        from_json=from_json,
        tile=tile,
        finer=finer,
        over_output=over == "output",
        view=view,
        overwrite=overwrite,
        skip_existing=skip_existing,
        npz=npz,
        as_json=as_json,
        quiet=quiet,
    )
    if failures := work.failures(jobs):
        typer.echo(f"{failures} of {len(jobs)} images failed", err=True)
        raise typer.Exit(1)


@dataclass(frozen=True, kw_only=True)
class _Work:
    """What to do with each image."""

    networks: Sequence[tuple[str, Network]]
    from_json: Path | None  # instead of a network
    tile: int
    finer: int
    over_output: bool
    view: View
    overwrite: bool
    skip_existing: bool
    npz: bool
    as_json: bool
    quiet: bool

    def failures(self, jobs: Sequence[tuple[Path, Path]]) -> int:
        """Do all that is to do; how many images failed, each of which was named, but for one alone.

        Raises:
            FileError: the only one failed.
        """
        count = 0
        for source, target in jobs:
            if self.skip_existing and target.exists():
                continue
            try:
                self.do(source, target)
            except FileError as error:
                if len(jobs) == 1:
                    raise
                typer.secho(f"error: {error}", fg="red", err=True)
                count += 1
        return count

    def do(self, source: Path, target: Path) -> None:
        """Make the figure or the page of an image, and tell the numbers that are asked for."""
        arrays = target.with_suffix(".npz")
        for path in (target, arrays) if self.npz else (target,):
            self._refuse(source, path)
        pixels, maps = self._measured(source)
        _make_folder(target.parent)
        if target.suffix == PAGE:
            from cadyq_cli.visuals.report import page

            text = page(pixels, maps[0], self.view)
            with _creating(target) as file:
                file.write(text.encode())
        else:
            self._draw(target, pixels, maps)
        if self.npz:
            with _creating(arrays) as file:
                maps[0].save_npz(file)
        if self.as_json:
            for each in maps:
                typer.echo(each.to_json())
        if not self.quiet:
            averages = ", ".join(f"{each.average():.2f}" for each in maps)
            count = len(maps[0].rectangles)
            typer.echo(f"{target}: {averages} bits on average, {count} patches", err=True)

    def _refuse(self, source: Path, target: Path) -> None:
        """Raise before the work starts if its result could not be written where it should go."""
        if not target.exists():
            return
        if source.exists() and target.samefile(source):
            raise ImageError(target, "is the input", hint="name another file with -o")
        if not self.overwrite:
            raise FileError(target, "exists already", hint="--overwrite replaces it")

    def _measured(self, source: Path) -> tuple[Pixels, list[BitMap]]:
        """What to draw over, and the map of each network, or the one that is there already."""
        from tqdm import tqdm

        from cadyq_cli.imaging import files
        from cadyq_cli.visuals.views import visible

        picture = files.read(source)
        if self.from_json:
            return visible(picture), [_read_map(self.from_json)]

        from cadyq_cli.visuals.mapping import bit_map

        unless_terminal = None
        disable = True if self.quiet else unless_terminal
        found = [
            bit_map(
                network,
                picture,
                file=source.name,
                model=name,
                tile=self.tile,
                finer=self.finer,
                over_output=self.over_output,
                track=partial(tqdm, desc=source.name, unit="patch", leave=False, disable=disable),
            )
            for name, network in self.networks
        ]
        return found[0][1], [each for each, _ in found]

    def _draw(self, target: Path, pixels: Pixels, maps: list[BitMap]) -> None:
        import numpy as np

        from cadyq_cli.imaging import files
        from cadyq_cli.imaging.picture import Picture
        from cadyq_cli.visuals.views import comparison

        if len(maps) == 2:
            style, colouring = self.view.style, self.view.colouring
            image = comparison(pixels, *maps, style=style, colouring=colouring)
        else:
            image = self.view.draw(pixels, maps[0])
        files.write(target, Picture(pixels=np.asarray(image)), overwrite=self.overwrite)


def _plan(
    images: list[Path], output: str | None, file_format: str | None, *, recursive: bool
) -> list[tuple[Path, Path]]:
    """Each image, and the figure or page to make of it."""
    if not images:
        raise InputError("which images? cadyq bitmap IN...")

    from cadyq_cli.batch.jobs import Naming, plan
    from cadyq_cli.imaging.formats import format_named

    page = (file_format or Path(output or "").suffix[1:]).lower() == "html"
    if page or file_format or not output or not Path(output).suffix:
        written = format_named("png" if page or not file_format else file_format)
    else:
        written = None
    jobs = plan(images, Naming("_bits", output, written), recursive=recursive)
    pairs = [(job.source, job.target) for job in jobs]
    return [(source, target.with_suffix(PAGE) if page else target) for source, target in pairs]


def _network(
    weights: Path | None, model: str, scale: int | None, device: str
) -> tuple[str, Network]:
    """The network to run with its name; its scale is checked against the one asked for, if any."""
    where = torch_device(device)

    from cadyq_cli.checkpoint import load, shipped

    path = weights or shipped.find(model, scale or DEFAULT_SCALE)
    network = load(path, device=where)
    if scale not in (None, network.card.scale):
        raise InputError(f"--scale {scale}: {weights} enlarges {network.card.scale} times")
    return path.stem, network


def _read_map(path: Path) -> BitMap:
    from cadyq_cli.visuals.bitmap import BitMap

    try:
        return BitMap.from_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise FileError(path, f"cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise FileError(path, str(error), hint="--json prints what can be drawn") from error


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(folder, f"cannot be made: {error.strerror or error}") from error


@contextmanager
def _creating(target: Path) -> Iterator[BinaryIO]:
    from cadyq_cli.imaging.atomic import replacing

    try:
        with replacing(target) as file:
            yield file
    except OSError as error:
        raise FileError(target, f"cannot be written: {error.strerror or error}") from error
