"""`-h`: examples and the options that most people need, on one screen."""

from __future__ import annotations

import inspect
import re
from collections.abc import Collection
from typing import Annotated, Any

import typer

from cadyq_cli.commands.flags import long_flag


def short_help(common: Collection[str]) -> inspect.Parameter:
    """A command's option -h, which shows the parameters with these names, and what --help does."""

    def show(context: typer.Context, wanted: bool) -> None:
        if not wanted:
            return
        command: Any = context.command  # with Typer's own attributes
        for each in command.get_params(context):
            each.hidden = each.name not in common
            each.help = re.split(r"[.;] |\.$", each.help or "")[0]
            if each.param_type_name == "option":
                each.opts = [*(name for name in each.opts if len(name) == 2), long_flag(each)]
            each.rich_help_panel = each.min = each.max = None
            each.show_default = False
        command.epilog = f"All options, in full: {context.command_path} --help"
        typer.echo(context.get_help())
        raise typer.Exit

    told = typer.Option(
        "-h",
        metavar="",
        help="Show the usual options; --help shows all.",
        callback=show,
        is_eager=True,
    )
    return inspect.Parameter(
        "usual_help",
        inspect.Parameter.KEYWORD_ONLY,
        default=False,
        annotation=Annotated[bool, told],
    )
