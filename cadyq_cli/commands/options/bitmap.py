"""What `cadyq bitmap` can be told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import typer

from cadyq_cli.commands.options.declaring import against, option
from cadyq_cli.commands.options.shared import Model, RunningTiles, Telling, output_format
from cadyq_cli.errors import FileError, InputError
from cadyq_cli.imaging.kinds import WRITABLE
from cadyq_cli.networks import shipped

if TYPE_CHECKING:
    from cadyq_cli.batch.jobs import Naming
    from cadyq_cli.bitmaps.numbers import BitMap
    from cadyq_cli.bitmaps.views import View
    from cadyq_cli.commands.map_progress import MapProgress

PAGE = "a page"  # a result that excludes some options
_not_a_page = against(PAGE, words="`{option}` is for a figure, not for {other}")
_OWN = "each is a figure of its own"
_EVERYWHERE = "the network is run everywhere then"


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Output(Telling):
    """Where figures go, and what is told beside them."""

    output: str | None = option(
        None,
        "Figure, or page to explore if it ends in .html; - is standard output. For a folder or"
        " several images it is a folder.",
        "-o",
        metavar="OUT",
        usually="IN_bits.png beside IN, IN_bits beside a folder",
        common=True,
    )
    file_format: str | None = output_format(
        f"{WRITABLE} or HTML", "as the name of OUT says, or PNG"
    )
    suffix: str = option("_bits", "Appended to names that OUT does not give.", metavar="TEXT")
    json: bool = option(
        False, "Also print all numbers on standard output; one line for each image.", common=True
    )
    npz: bool = option(False, "Also write all numbers beside OUT, as NumPy arrays.")

    def progress(self, context: typer.Context, images: int) -> MapProgress:
        """What tells how a batch goes."""
        from cadyq_cli.commands.map_progress import MapProgress

        return MapProgress(
            images,
            numbers=self.json,
            quiet=self.quiet,
            debug=context.find_root().params["debug"],
            command=context.command,
        )

    def naming(self, images: Sequence[Path]) -> tuple[Naming, bool]:
        """What to call the figures or pages of images, and whether they are pages.

        Raises:
            InputError: no such format, or `output` does not suit it or the images.
        """
        from cadyq_cli.batch.drawing import SUFFIX_OF_A_PAGE as PAGE
        from cadyq_cli.batch.jobs import Naming, is_image_name, names_a_folder
        from cadyq_cli.imaging.formats import format_named

        output, file_format = self.output, self.file_format
        alone = len(images) == 1 and not images[0].is_dir()
        file = None if output is None or names_a_folder(output) else Path(output)
        named = file.suffix.lower() if file else ""
        as_page = (f".{file_format}".lower() if file_format else named) == PAGE
        if file and as_page != (named == PAGE) and (named == PAGE or is_image_name(file)):
            raise InputError(
                f"`output` {output} and `file_format` {file_format} contradict each other"
            )
        if named == PAGE and not alone:
            raise InputError(f"`output` {output}: several images need a folder to go to")
        if as_page:
            return Naming(self.suffix, output, format_named("png"), extension=PAGE), True
        if alone and named and not file_format:
            return Naming(self.suffix, output), False  # in the format that it names
        return Naming(self.suffix, output, format_named(file_format or "png")), False


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Figure:
    """What is drawn, and how."""

    site: str | None = option(
        None,
        "Show one site instead of the mean over all.",
        excludes=(against("sites", "by_layer", "compare", because=_OWN),),
    )
    sites: Literal["all"] | None = option(
        None,
        "Show every site, on one sheet.",
        excludes=(against("by_layer", "compare", because=_OWN), _not_a_page),
        common=True,
    )
    by_layer: bool = option(
        False,
        "Plot widths against depth instead of a map.",
        excludes=(
            against("compare", because=_OWN),
            against(
                *("stretch", "values", "over", "opacity", "no_legend"),
                because="`by_layer` shows no picture",
            ),
            _not_a_page,
        ),
        common=True,
    )
    compare: tuple[str, str] | None = option(
        None,
        "Show two networks, names or weights files, and their difference.",
        metavar="A B",
        excludes=(
            against(
                *("model", "weights", "list_sites", "npz"),
                because="`compare` names two networks itself",
            ),
            against("plain_levels", because=_EVERYWHERE),
            _not_a_page,
        ),
    )
    stretch: bool = option(
        False,
        "Make small differences visible; the colours spread over this map's own range of widths."
        " The colours of two maps then mean different widths.",
        common=True,
    )
    values: bool = option(False, "Write numbers into patches that have room for them.")
    over: Literal["input", "output"] = option(
        "input", "Which picture lies beneath the colours: IN, or IN enlarged."
    )
    opacity: float = option(
        0.45,
        "0 shows the picture alone, 1 the colours alone.",
        metavar="0..1",
        least=0,
        most=1,
    )
    palette: Literal["fjord", "ember", "dusk", "gray"] = option(
        "fjord", "Colours, dark for few bits, light for many; safe for colour-blind readers."
    )
    no_legend: bool = option(False, "Leave the colour bar out.", excludes=(_not_a_page,))

    def view(self) -> View:
        """The same for what draws."""
        from cadyq_cli.bitmaps.tints import Style
        from cadyq_cli.bitmaps.views import Colouring, View

        return View(
            site=self.site,
            sheet=self.sites is not None,
            by_layer=self.by_layer,
            style=Style(opacity=self.opacity, values=self.values, legend=not self.no_legend),
            colouring=Colouring(palette=self.palette, stretch=self.stretch),
        )


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Network(Model):
    """Whose widths are shown."""

    PANEL = Model.__name__
    scale: int | None = option(
        None,
        "How many times as large the network makes images.",
        "-s",
        metavar="|".join(map(str, shipped.SCALES)),
        least=1,
        usually=str(shipped.DEFAULT_SCALE),
        common=True,
    )
    from_json: Path | None = option(
        None,
        "Draw the numbers that --json printed, without a network.",
        "--from",
        excludes=(
            against(
                *("compare", "list_sites", "over", "scale", "model", "weights"),
                *("tile", "finer", "jobs", "threads", "engine", "device"),
                *("plain_levels", "no_skip_plain"),
                because="`from_json` draws without a network",
            ),
        ),
    )
    list_sites: bool = option(False, "Print the names of the network's sites and exit.")

    def files(self, compared: tuple[str, str] | None) -> dict[str, Path]:
        """The weights files of the networks, by what to call these; none for numbers.

        Raises:
            CheckpointError: a file holds no weights.
            InputError: a network is unknown, of another scale, without widths, or named twice.
        """
        if self.from_json:
            return {}
        networks = compared or (self.weights or self.model,)
        paths = [self._file(network) for network in networks]
        if len({path.resolve() for path in paths}) < len(paths):
            raise InputError("`compare` needs two networks")
        stems = [path.stem for path in paths]
        names = stems if len(set(stems)) == len(stems) else map(str, networks)
        return dict(zip(names, paths, strict=True))

    def _file(self, network: Path | str) -> Path:
        from cadyq_cli.networks import stored

        path = network if isinstance(network, Path) else shipped.locate(network, self.scale)
        card = stored.read_card(path)
        if self.scale not in (None, card.scale):
            raise InputError(f"`scale` {self.scale}: {network} enlarges {card.scale} times")
        if card.precision == "float":
            reason = "computes in floating point; there are no bit widths to show"
            raise InputError(f"{path.stem} {reason}")
        return path

    def numbers(self) -> BitMap | None:
        """The map that `from_json` holds.

        Raises:
            FileError: the file cannot be read, or holds something else.
        """
        path = self.from_json
        if path is None:
            return None
        from cadyq_cli.bitmaps.reading import read_map

        try:
            return read_map(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise FileError(path, f"cannot be read: {error.strerror or error}") from error
        except ValueError as error:
            raise FileError(path, str(error), hint="`json` prints what can be drawn") from error


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class FinerTiles(RunningTiles):
    """What to compute with, and how finely."""

    finer: int = option(
        1,
        "Make the map N times as fine; that is N x N times the work. Patches overlap, and each cell"
        " shows the patch around its middle. The outermost cells, up to half a patch wide, show"
        " the patch at the edge; a picture of one patch needs a smaller --tile.",
        metavar="1..16",
        least=1,
        most=16,
        common=True,
        excludes=(against("plain_levels", because=_EVERYWHERE),),
    )
