"""The one place where a failure becomes a line on stderr and an exit code."""

from __future__ import annotations

import errno
import os
import re
import sys
import traceback
from typing import Any

import typer
from typer.core import TyperGroup

from cadyq_cli.commands.flags import with_flags
from cadyq_cli.commands.values import convert_plainly
from cadyq_cli.errors import CadyqError
from cadyq_cli.escaping import escaped

INTERRUPTED = 130
_CHECKED = re.compile(r": (?:Value error, |(Input should be))")  # words of Typer's own checks
_REFUSED = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)  # of a disk, to a file without name
_CLOSED = errno.EINVAL if os.name == "nt" else errno.EPIPE  # of a pipe that nobody reads


class ErrorReporting(TyperGroup):
    """Ends an expected failure with its message, or its traceback where `--debug` asks for it."""

    def main(self, *args: Any, **extra: Any) -> Any:
        try:
            status = super().main(*args, **(extra | {"standalone_mode": False}))
            sys.stdout.flush()
            sys.exit(status)
        except typer.TyperException as error:
            if message := _in_a_line(error):
                _print(f"error: {message}")
            sys.exit(error.exit_code)
        except OSError as error:
            if error.filename is not None or error.errno not in (*_REFUSED, _CLOSED):
                raise
            _forget_output()
            if error.errno == _CLOSED:
                sys.exit(1)
            _print(f"error: standard output: cannot be written: {error.strerror}")
            sys.exit(1)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        # People repeat the line that failed and append the option, behind the subcommand's own.
        own = args[: args.index("--")] if "--" in args else args
        if "--debug" in own:
            args.insert(0, args.pop(own.index("--debug")))
        convert_plainly(self.get_params(ctx))
        return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        if os.environ.get("NO_COLOR"):
            ctx.color = False
        try:
            return super().invoke(ctx)
        except CadyqError as error:
            if ctx.params["debug"]:
                traceback.print_exception(error)
            else:
                _print(f"error: {with_flags(str(error), ctx.obj)}")
            raise typer.Exit(error.exit_code) from error
        except KeyboardInterrupt as interrupt:
            if ctx.params["debug"]:
                traceback.print_exception(interrupt)
            _print("interrupted")
            raise typer.Exit(INTERRUPTED) from interrupt


def _in_a_line(error: typer.TyperException) -> str:
    """What Typer says of wrong usage, and where to look; nothing if it printed help instead."""
    text = " ".join(error.format_message().split()).rstrip(".")
    text = _CHECKED.sub(lambda found: ": it should be" if found[1] else ": ", text)
    if not text:
        return ""
    context = getattr(error, "ctx", None)
    return text[0].lower() + text[1:] + (f" (see {context.command_path} -h)" if context else "")


def _forget_output() -> None:
    """Keep Python from writing the rest of standard output when it ends, and failing again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _print(line: str) -> None:
    typer.secho(
        escaped(line), fg="red", err=True, color=False if os.environ.get("NO_COLOR") else None
    )
