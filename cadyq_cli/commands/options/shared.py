"""Options that several commands share."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import typer

from cadyq_cli.commands.lines import tell
from cadyq_cli.commands.options.declaring import against, argument, option
from cadyq_cli.errors import InputError
from cadyq_cli.imaging.limits import MAX_PIXELS
from cadyq_cli.networks import shipped

if TYPE_CHECKING:
    import torch

    from cadyq_cli.opening import Opener


def _known_device(name: str) -> str:
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", name):
        raise typer.BadParameter(f"{name!r} is none of auto, cpu, cuda, cuda:N")
    return name


def _automatic() -> str:
    """Which shipped networks `shipped.AUTO` stands for, such as "span x2 and x4, edsr x3"."""
    scales: dict[str, list[str]] = {}
    for scale in shipped.SCALES:
        scales.setdefault(shipped.QUICK.get(scale, shipped.USUAL), []).append(f"x{scale}")
    return ", ".join(f"{name} {' and '.join(each)}" for name, each in scales.items())


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Inputs:
    """Images and folders, with or without a flag before them."""

    PANEL: ClassVar[str] = "Options"
    images: list[Path] | None = argument(
        None, "Images, and folders of images. - is standard input.", metavar="IN"
    )
    more_images: list[Path] | None = option(None, "The same as IN.", "-i", "--input", metavar="IN")

    @property
    def sources(self) -> list[Path]:
        return [*(self.images or ()), *(self.more_images or ())]


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Files:
    """Which images are taken, and what is done about results that exist."""

    recursive: bool = option(
        False,
        "Search folders inside folders, too; no links to them. Their tree is kept.",
        "-r",
        common=True,
    )
    overwrite: bool = option(
        False,
        "Replace results that exist already.",
        common=True,
        excludes=(against("skip_existing"),),
    )
    skip_existing: bool = option(
        False,
        "Leave out images whose result exists already; so a batch that stopped continues.",
        common=True,
    )
    fail_fast: bool = option(False, "Stop at the first image that fails.")
    max_input_pixels: int = option(
        MAX_PIXELS, "Refuse larger images before they are decoded.", least=1
    )


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Model:
    """The network to run."""

    model: str = option(
        shipped.AUTO,
        f"A network that comes with cadyq; see `cadyq models`. {shipped.AUTO}: {_automatic()}.",
        "-n",
        common=True,
    )
    weights: Path | None = option(
        None,
        "Weights file of your own, by `cadyq train`; or a community's Compact or SPAN.",
        "-m",
        common=True,
        excludes=(against("model"),),
    )


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class OnDevice:
    """Where to compute with PyTorch."""

    PANEL: ClassVar[str] = "Running"
    device: str = option(
        "auto",
        "Where to compute; auto takes a GPU if there is one.",
        metavar="auto|cpu|cuda[:N]",
        check=_known_device,
    )

    @property
    def torch_device(self) -> torch.device:
        """The device.

        Raises:
            InputError: this machine does not have it.
        """
        import torch

        from cadyq_cli.engine.devices import device_named

        return torch.device(device_named(self.device))


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Running(OnDevice):
    """What to compute with."""

    jobs: int = option(
        0,
        "Images to work on at a time, each with an equal share of the threads; 0 chooses.",
        "-j",
        least=0,
    )
    threads: int = option(0, "Threads to compute with, in all; 0 takes one for each core.", least=0)
    engine: Literal["auto", "int8", "float"] = option(
        "auto",
        "int8 computes with whole numbers on the processor, float with PyTorch; auto takes int8"
        " unless there is a GPU.",
    )

    bits: float | None = option(
        None,
        "Average bit width to aim at, of a network with a dial, such as `cadyq calibrate` makes.",
        usually="what it was trained for",
        least=2,
        most=8,
    )

    exact: bool = option(
        False, "Meet --bits in every picture, which takes three times as long and no dial."
    )

    def opener(self, *, quiet: bool) -> Opener:
        """What opens networks.

        Raises:
            InputError: this machine does not have what is asked for.
        """
        from cadyq_cli.opening import Opener

        if self.exact and self.bits is None:
            raise InputError("`exact` needs `bits`")

        def note(line: str) -> None:
            if not quiet:
                tell(f"note: {line}")

        return Opener(
            engine=self.engine,
            device=self.device,
            threads=self.threads,
            bits=self.bits,
            exact=self.exact,
            tell=note,
        )

    def shared(self, images: int, *, quiet: bool) -> tuple[Opener, int]:
        """The same, and how many of so many images to work on at a time."""
        opener = self.opener(quiet=quiet)
        return opener, max(1, min(self.jobs or opener.usual_images, images))


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class RunningTiles(Running):
    """The same for images that are cut into patches."""

    tile: int = option(
        0,
        "Side of a patch, which gets bit widths of its own, in pixels of IN; 0 chooses.",
        "-t",
        metavar="PX",
        least=0,
    )
    plain_levels: float = option(
        3,
        "How many of 255 levels the network may differ from bicubic interpolation where that takes"
        " its place, to save time. Networks that carry no fit of it run everywhere.",
        least=0,
        most=255,
        excludes=(against("no_skip_plain"),),
    )
    no_skip_plain: bool = option(False, "Run the network everywhere, in plain areas too.")

    @property
    def skipped_levels(self) -> float:
        """The first of these, 0 to run the network everywhere."""
        return 0 if self.no_skip_plain else self.plain_levels


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Telling:
    """How much is printed."""

    PANEL: ClassVar[str] = "Output"
    quiet: bool = option(False, "Print errors only.", "-q", common=True)


def output_format(formats: str, usually: str) -> Any:
    """The option for the format of the results, which has three names."""
    return option(None, f"{formats}.", "-f", "--format", "--ext", usually=usually, common=True)
