"""The one place where a failure becomes a line on stderr and an exit code."""

from __future__ import annotations

import os
from typing import Any

import typer
from typer.core import TyperGroup

from cadyq_cli.errors import CadyqError

INTERRUPTED = 130


class ErrorReporting(TyperGroup):
    """Ends an expected failure with its message, or its traceback where `--debug` asks for it."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        # People repeat the line that failed and append the option, behind the subcommand's own.
        own = args[: args.index("--")] if "--" in args else args
        if "--debug" in own:
            args.insert(0, args.pop(own.index("--debug")))
        return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        if os.environ.get("NO_COLOR"):
            ctx.color = False
        try:
            return super().invoke(ctx)
        except CadyqError as error:
            if ctx.params["debug"]:
                raise
            typer.secho(f"error: {error}", fg="red", err=True)
            raise typer.Exit(error.exit_code) from error
        except KeyboardInterrupt as interrupt:
            if ctx.params["debug"]:
                raise
            typer.secho("interrupted", fg="red", err=True)
            raise typer.Exit(INTERRUPTED) from interrupt
