"""What a command line of `cadyq bitmap` asks for: which networks, which images, which figures."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from cadyq_cli.commands.options import given_options, refuse_together
from cadyq_cli.errors import FileError, InputError

if TYPE_CHECKING:
    from cadyq_cli.batch.jobs import Naming
    from cadyq_cli.bitmaps.numbers import BitMap

_FIGURES = ("--site", "--sites", "--by-layer", "--compare")
_NETWORK = ("--model", "--weights")
_RUNNING = ("--tile", "--finer", "--jobs", "--threads", "--engine", "--device")
_PICTURE = ("--stretch", "--values", "--over", "--opacity", "--no-legend")
_NOT_IN_A_PAGE = ("--sites", "--by-layer", "--compare", "--no-legend")


def refuse_contradictions(context: typer.Context) -> None:
    """Refuse options of which one would be ignored, whatever the images are.

    Raises:
        InputError: there are such.
    """
    refuse_together(context, "--overwrite", "--skip-existing")
    refuse_together(context, "--weights", "--model")
    for one, other in combinations(_FIGURES, 2):
        refuse_together(context, one, other, because="each is a figure of its own")
    refuse_together(
        context,
        "--from",
        *("--compare", "--list-sites", "--over", "--scale", *_NETWORK, *_RUNNING),
        because="--from draws without a network",
    )
    refuse_together(
        context,
        "--compare",
        *(*_NETWORK, "--list-sites", "--npz"),
        because="--compare names two networks itself",
    )
    refuse_together(context, "--by-layer", *_PICTURE, because="--by-layer shows no picture")


def refuse_beside_a_page(context: typer.Context) -> None:
    """Refuse options that a page has no use for.

    Raises:
        InputError: one is given.
    """
    given = given_options(context)
    for option in _NOT_IN_A_PAGE:
        if option in given:
            raise InputError(f"{option} is for a figure, not for a page")


def network_files(networks: Sequence[Path | str], scale: int | None) -> dict[str, Path]:
    """The weights files of networks, by what to call these.

    Raises:
        CheckpointError: a file holds no weights.
        InputError: a network is unknown, of another scale, without widths, or named twice.
    """
    paths = [_network_file(network, scale) for network in networks]
    if len({path.resolve() for path in paths}) < len(paths):
        raise InputError("--compare needs two networks")
    stems = [path.stem for path in paths]
    names = stems if len(set(stems)) == len(stems) else map(str, networks)
    return dict(zip(names, paths, strict=True))


def _network_file(network: Path | str, scale: int | None) -> Path:
    from cadyq_cli.checkpoint import shipped, stored

    path = network if isinstance(network, Path) else shipped.locate(network, scale)
    card = stored.read_card(path)
    if scale not in (None, card.scale):
        raise InputError(f"--scale {scale}: {network} enlarges {card.scale} times")
    if card.precision == "float":
        raise InputError(f"{path.stem} computes in floating point; there are no bit widths to show")
    return path


def figure_naming(
    images: Sequence[Path], output: str | None, file_format: str | None, suffix: str
) -> tuple[Naming, bool]:
    """What to call the figures or pages of images, and whether they are pages.

    Raises:
        InputError: no such format, or `output` does not suit it or the images.
    """
    from cadyq_cli.batch.drawing import PAGE
    from cadyq_cli.batch.jobs import Naming, is_image_name, names_a_folder
    from cadyq_cli.imaging.formats import format_named

    alone = len(images) == 1 and not images[0].is_dir()
    file = None if output is None or names_a_folder(output) else Path(output)
    named = file.suffix.lower() if file else ""
    as_page = (f".{file_format}".lower() if file_format else named) == PAGE
    if file and as_page != (named == PAGE) and (named == PAGE or is_image_name(file)):
        raise InputError(f"-o {output} and --format {file_format} contradict each other")
    if named == PAGE and not alone:
        raise InputError(f"-o {output}: several images need a folder to go to")
    if as_page:
        naming = Naming(suffix, output, format_named("png"), extension=PAGE)
    elif alone and named and not file_format:
        naming = Naming(suffix, output)  # in the format that it names
    else:
        naming = Naming(suffix, output, format_named(file_format or "png"))
    return naming, as_page


def read_numbers(path: Path) -> BitMap:
    """Read a map that `--json` printed.

    Raises:
        FileError: the file cannot be read, or holds something else.
    """
    from cadyq_cli.bitmaps.numbers import BitMap

    try:
        return BitMap.from_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise FileError(path, f"cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise FileError(path, str(error), hint="--json prints what can be drawn") from error
