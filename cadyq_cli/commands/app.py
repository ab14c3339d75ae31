"""The `cadyq` command and its subcommands."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.main import get_command

from cadyq_cli import __version__
from cadyq_cli.commands.reporting import ErrorReporting
from cadyq_cli.commands.values import convert_plainly

# Each lives in the module of its name; its function, and what it does in a line.
COMMANDS: Mapping[str, tuple[str, str]] = {
    "upscale": ("upscale", "Enlarge images."),
    "bitmap": ("bitmap", "Show which bit widths each patch of an image gets."),
    "eval": ("evaluate", "Measure networks on test images: PSNR, SSIM, bits, work."),
    "train": ("train", "Train a network: float, then static 8 bit, then widths of its own choice."),
    "calibrate": (
        "calibrate",
        "Make a float network fast: whole numbers, no training.",
    ),
    "models": ("models", "List the networks that come with cadyq, or tell how one was made."),
    "doctor": ("doctor", "Tell what cadyq runs on, and check that it works."),
}


class Subcommands(ErrorReporting):
    """Imports a subcommand when it is the one to run."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name, _, rest = super().resolve_command(ctx, args)
        function, _ = COMMANDS[str(name)]
        alone = typer.Typer(add_completion=False)
        alone.command(name)(getattr(import_module(f"{__package__}.{name}"), function))
        command = get_command(alone)
        convert_plainly(command.get_params(ctx))
        ctx.obj = command  # its errors name its flags
        return name, command, rest


app = typer.Typer(
    cls=Subcommands,
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command, (_, summary) in COMMANDS.items():
    app.command(command, help=summary)(lambda: None)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"cadyq {__version__}, {_kernels()}")
        raise typer.Exit


def _kernels() -> str:
    from cadyq_cli.engine.native.kernels import NativeKernels
    from cadyq_cli.engine.native.library import NativeUnavailable

    try:
        return f"int8 kernels: {NativeKernels().name}"
    except NativeUnavailable as reason:
        return f"no int8 kernels: {reason}"


@app.callback()
def cadyq(
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            metavar="",
            help="Print the version and what it computes with.",
            callback=_print_version,
            is_eager=True,
        ),
    ] = False,
    debug: Annotated[
        bool,
        typer.Option("--debug", metavar="", help="Show where an error comes from, as a traceback."),
    ] = False,
) -> None:
    """Enlarge photographs with networks that choose their bit widths patch by patch.

    Examples:

        cadyq upscale photo.jpg                 writes photo_x4.jpg beside it
        cadyq upscale photo.jpg -s 2 -o big.png
        cadyq upscale -h                        its usual options; --help tells all
        cadyq bitmap photo.jpg                  shows where the bits go
    """
