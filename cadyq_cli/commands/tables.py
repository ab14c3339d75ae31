"""Tables on standard output."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

UNBOUNDED = 10_000  # columns


def print_table(table: Table) -> None:
    """Print a table as wide as the terminal, or in a file or a pipe as wide as it is."""
    from rich.console import Console

    console = Console(markup=False, emoji=False, highlight=False)  # names stay what they are
    if not console.is_terminal:
        console.width = UNBOUNDED
    console.print(table)
