"""The `cadyq` command and its subcommands."""

from __future__ import annotations

from typing import Annotated

import typer

from cadyq_cli import __version__
from cadyq_cli.commands.bitmap import bitmap
from cadyq_cli.commands.eval import evaluate
from cadyq_cli.commands.models import models
from cadyq_cli.commands.reporting import ErrorReporting
from cadyq_cli.commands.train import train
from cadyq_cli.commands.upscale import upscale

app = typer.Typer(
    cls=ErrorReporting,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("upscale")(upscale)
app.command("bitmap")(bitmap)
app.command("eval")(evaluate)
app.command("train")(train)
app.command("models")(models)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"cadyq {__version__}")
        raise typer.Exit


@app.callback()
def cadyq(
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", callback=_print_version, is_eager=True
        ),
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show where an error comes from, as a traceback.")
    ] = False,
) -> None:
    """Enlarge photographs with networks that choose their bit widths patch by patch.

    Examples:

        cadyq upscale photo.jpg                 writes photo_x4.jpg beside it
        cadyq upscale photo.jpg -s 2 -o big.png
        cadyq upscale -h                        all its options
        cadyq bitmap photo.jpg                  shows where the bits go
    """
