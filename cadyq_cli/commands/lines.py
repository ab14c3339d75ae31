"""What commands tell people on standard error."""

from __future__ import annotations

import typer

from cadyq_cli.escaping import escaped


def tell(line: str) -> None:
    """Print a line; control characters in it, as names of files may have, show as escapes."""
    typer.echo(escaped(line), err=True)
