"""Options that several commands share."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

import typer

from cadyq_cli.errors import InputError

if TYPE_CHECKING:
    import torch

RUNNING = "Running"  # panels of the help
OUTPUT = "Output"


def _known_device(name: str) -> str:
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", name):
        raise typer.BadParameter(f"{name!r} is none of auto, cpu, cuda, cuda:0, cuda:1 ...")
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
Quiet = Annotated[
    bool,
    typer.Option("-q", "--quiet", metavar="", help="Print errors only.", rich_help_panel=OUTPUT),
]
Verbose = Annotated[
    bool, typer.Option("-v", "--verbose", metavar="", help="Print details.", rich_help_panel=OUTPUT)
]


def torch_device(name: str) -> torch.device:
    """The device that a `Device` option names.

    Raises:
        InputError: this machine does not have it.
    """
    import torch

    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    device = torch.device(name)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise InputError(f"--device {name}: PyTorch finds no such GPU; --device cpu works anywhere")
    return device
