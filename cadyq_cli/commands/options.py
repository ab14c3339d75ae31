"""Options that several commands share."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

if TYPE_CHECKING:
    import torch

    from cadyq_cli.opening import Opener

RUNNING = "Running"  # panels of the help
OUTPUT = "Output"
MODEL = "Model"


def flag(*names: str, text: str, panel: str) -> Any:
    """An option that is there or not, under a panel of the help."""
    return typer.Option(*names, metavar="", help=text, rich_help_panel=panel)


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
        help="To compute with, in all; 0 takes one for each core.",
        rich_help_panel=RUNNING,
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
        help="A network of your own instead, as `cadyq train` writes it.",
        rich_help_panel=MODEL,
    ),
]


def torch_device(name: str) -> torch.device:
    """The device that a `Device` option names.

    Raises:
        InputError: this machine does not have it.
    """
    import torch

    from cadyq_cli.engine.devices import device_named

    return torch.device(device_named(name))


def opener(engine: str, device: str, threads: int, *, quiet: bool) -> Opener:
    """What opens networks as `Engine`, `Device` and `Threads` options want it.

    Raises:
        InputError: this machine does not have what is asked for.
    """
    from cadyq_cli.opening import Opener

    def tell(line: str) -> None:
        if not quiet:
            typer.echo(f"note: {line}", err=True)

    return Opener(engine=engine, device=device, threads=threads, tell=tell)
