"""Options that several commands share, and what to say of those that contradict each other."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from cadyq_cli.errors import InputError
from cadyq_cli.escaping import escaped

if TYPE_CHECKING:
    import torch

    from cadyq_cli.opening import Opener

OUTPUT = "Output"  # panels of the help
FILES = "Files"
MODEL = "Model"
RUNNING = "Running"


def flag(*names: str, text: str, panel: str) -> Any:
    """An option without a value, under a panel of the help."""
    return typer.Option(*names, metavar="", help=text, rich_help_panel=panel)


def written_format(text: str) -> Any:
    """The option for the format of the results, which has three names."""
    return typer.Option(
        "-f", "--format", "--ext", metavar="NAME", help=text, rich_help_panel=OUTPUT
    )


def _known_device(name: str) -> str:
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", name):
        raise typer.BadParameter(f"{name!r} is none of auto, cpu, cuda, cuda:N")
    return name


Device = Annotated[
    str,
    typer.Option(
        "--device",
        metavar="auto|cpu|cuda[:N]",
        help="Where to compute; auto takes a GPU if there is one.",
        callback=_known_device,
        rich_help_panel=RUNNING,
    ),
]
Engine = Annotated[
    Literal["auto", "int8", "float"],
    typer.Option(
        "--engine",
        metavar="auto|int8|float",
        help="int8 computes with whole numbers on the processor, float with PyTorch; auto takes "
        "int8 unless there is a GPU.",
        rich_help_panel=RUNNING,
    ),
]
Threads = Annotated[
    int,
    typer.Option(
        "--threads",
        metavar="N",
        min=0,
        show_default=False,
        help="Threads to compute with, in all; 0 takes one for each core.",
        rich_help_panel=RUNNING,
    ),
]
Tile = Annotated[
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
]
Jobs = Annotated[
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
]
MoreInputs = Annotated[
    list[Path] | None,
    typer.Option("-i", "--input", metavar="IN", help="The same as IN.", show_default=False),
]
Recursive = Annotated[
    bool,
    flag(
        "-r",
        "--recursive",
        text="Search folders inside folders, but no links to them, and keep their tree.",
        panel=FILES,
    ),
]
Overwrite = Annotated[
    bool, flag("--overwrite", text="Replace results that exist already.", panel=FILES)
]
SkipExisting = Annotated[
    bool,
    flag(
        "--skip-existing",
        text="Leave out images whose result exists already, as after an interruption.",
        panel=FILES,
    ),
]
FailFast = Annotated[
    bool, flag("--fail-fast", text="Stop at the first image that fails.", panel=FILES)
]
MaxInputPixels = Annotated[
    int,
    typer.Option(
        "--max-input-pixels",
        metavar="N",
        min=1,
        help="Refuse larger images before they are decoded.",
        rich_help_panel=FILES,
    ),
]
Quiet = Annotated[bool, flag("-q", "--quiet", text="Print errors only.", panel=OUTPUT)]
Verbose = Annotated[bool, flag("-v", "--verbose", text="Print details.", panel=OUTPUT)]
Model = Annotated[
    str,
    typer.Option(
        "-n",
        "--model",
        metavar="NAME",
        help="A network that comes with cadyq, see `cadyq models`; auto: span x2 and x4, edsr x3.",
        rich_help_panel=MODEL,
    ),
]
Weights = Annotated[
    Path | None,
    typer.Option(
        "-m",
        "--weights",
        metavar="FILE",
        help="Weights file of a network of your own, as `cadyq train` writes it.",
        rich_help_panel=MODEL,
    ),
]


def given_options(context: typer.Context) -> set[str]:
    """The long names of the options that differ from their defaults, such as "--tile"."""
    return {
        next(name for name in each.opts if name.startswith("--"))
        for each in context.command.params
        if each.param_type_name == "option" and context.params.get(each.name) != each.default
    }


def refuse_together(context: typer.Context, option: str, *others: str, because: str = "") -> None:
    """Refuse an option beside any of some others, all by their first long names.

    Raises:
        InputError: both are given; `because` is the reason to state.
    """
    given = given_options(context)
    for other in others:
        if {option, other} <= given:
            reason = f": {because}" if because else ""
            raise InputError(f"{option} and {other} contradict each other{reason}")


def torch_device(name: str) -> torch.device:
    """The device that a `Device` option names.

    Raises:
        InputError: this machine does not have it.
    """
    import torch

    from cadyq_cli.engine.devices import device_named

    return torch.device(device_named(name))


def opener(engine: str, device: str, threads: int, *, quiet: bool) -> Opener:
    """What opens networks as the `Engine`, `Device` and `Threads` options ask.

    Raises:
        InputError: this machine does not have what is asked for.
    """
    from cadyq_cli.opening import Opener

    def tell(line: str) -> None:
        if not quiet:
            typer.echo(escaped(f"note: {line}"), err=True)

    return Opener(engine=engine, device=device, threads=threads, tell=tell)
