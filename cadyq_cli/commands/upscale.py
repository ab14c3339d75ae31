"""`cadyq upscale`: enlarge an image."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

import typer

from cadyq_cli.commands.options import OUTPUT, RUNNING, Device, Quiet, Verbose, torch_device
from cadyq_cli.errors import ImageError, InputError

if TYPE_CHECKING:
    from cadyq_cli.checkpoint import Network

T = TypeVar("T")

MODEL = "Model"
DEFAULT_SCALE = 4


def upscale(
    image: Annotated[
        Path, typer.Argument(metavar="IN", help="Image to enlarge: PNG, JPEG or WebP.")
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="OUT",
            help="File or folder to write to. \\[default: IN_x4.png beside IN]",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    *,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", metavar="", help="Replace OUT.", rich_help_panel=OUTPUT)
    ] = False,
    scale: Annotated[
        Literal[2, 3, 4] | None,
        typer.Option(
            "-s",
            "--scale",
            help="How many times as wide and as high. \\[default: 4]",
            rich_help_panel=MODEL,
        ),
    ] = None,
    model: Annotated[
        str,
        typer.Option(
            "-n",
            "--model",
            metavar="NAME",
            help="A network that comes with cadyq, such as edsr.",
            rich_help_panel=MODEL,
        ),
    ] = "edsr",
    weights: Annotated[
        Path | None,
        typer.Option(
            "-m",
            "--weights",
            metavar="FILE",
            help="A network of your own instead, as `cadyq train` writes it.",
            rich_help_panel=MODEL,
        ),
    ] = None,
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
    device: Device = "auto",
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Enlarge an image.

    Examples:

        cadyq upscale photo.jpg                  writes photo_x4.png beside it
        cadyq upscale photo.jpg -s 2 -o big.png
        cadyq upscale photo.jpg -m runs/mine/best.safetensors -v
    """
    from cadyq_cli.imaging import files

    picture = files.read(image)
    network = _load(weights, model, scale, device)
    target = _target(image, output, network.card.scale)
    _refuse(image, target, overwrite=overwrite)

    from cadyq_cli.upscaling import upscale_picture

    enlarged, result = upscale_picture(
        network, picture, tile=tile, track=_bar(image.name, shown=not quiet)
    )
    files.write(target, enlarged, overwrite=overwrite)
    if quiet:
        return
    height, width, _ = result.pixels.shape
    bits = result.average_bits
    precision = "float" if bits is None else f"{bits:.2f} bits on average"
    _say(f"{target}: {width} x {height}, {precision}, {result.seconds:.1f} s")
    if verbose:
        for note in picture.notes:
            _say(f"  {image} {note}")
        _say(f"  {network.card.backbone} x{network.card.scale}, {len(result.tiles)} patches")


def _say(line: str) -> None:
    typer.echo(line, err=True)


def _load(weights: Path | None, model: str, scale: int | None, device: str) -> Network:
    """The network to run; its scale is checked against the one that was asked for, if any."""
    where = torch_device(device)

    from cadyq_cli.checkpoint import load, shipped

    network = load(weights or shipped.find(model, scale or DEFAULT_SCALE), device=where)
    if scale not in (None, network.card.scale):
        raise InputError(f"--scale {scale}: {weights} enlarges {network.card.scale} times")
    return network


def _target(image: Path, output: Path | None, scale: int) -> Path:
    """The file to write."""
    name = f"{image.stem}_x{scale}.png"
    if output is None:
        return image.with_name(name)
    return output / name if output.is_dir() else output


def _refuse(image: Path, target: Path, *, overwrite: bool) -> None:
    """Raise before the work starts if its result could not be written where it should go."""
    from cadyq_cli.imaging.formats import format_of

    format_of(target)
    if target.exists():
        if target.samefile(image):
            raise ImageError(target, "is the input", hint="name another file with -o")
        if not overwrite:
            raise ImageError(target, "exists already", hint="--overwrite replaces it")
    elif not target.parent.is_dir():
        raise ImageError(target, f"there is no folder {target.parent}")


def _bar(name: str, *, shown: bool) -> Callable[[Sequence[T]], Iterable[T]]:
    """Shows how far the work is, where that is a person's terminal."""
    from tqdm import tqdm

    unless_terminal = None
    disable = unless_terminal if shown else True
    return partial(tqdm, desc=name, unit="patch", leave=False, disable=disable)
