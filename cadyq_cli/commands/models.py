"""`cadyq models`: what comes with the package."""

from __future__ import annotations

import typer

from cadyq_cli.commands.tables import print_table


def models() -> None:
    """List the networks that come with cadyq.

    Examples:

        cadyq models
        cadyq upscale photo.jpg -n edsr -s 4     runs one of them
    """
    from rich.table import Table

    from cadyq_cli.checkpoint import shipped
    from cadyq_cli.checkpoint.stored import read_card

    table = Table("name", "scale", "size", "bits on B100", "PSNR", "licence", box=None)
    for name in shipped.names():
        model, _, scale = name.rpartition("-x")
        path = shipped.find(model, int(scale))
        card = read_card(path)
        psnr = card.about.get("psnr", {})  # by the name of the data set
        table.add_row(
            model,
            scale,
            f"{path.stat().st_size / 1e6:.1f} MB",
            _rounded(card.about.get("average_bits")),
            ", ".join(f"{images} {_rounded(value)} dB" for images, value in psnr.items()),
            card.about.get("licence", ""),
        )
    if table.row_count:
        print_table(table)
    else:
        typer.echo("no networks come with this installation; -m runs one of your own", err=True)


def _rounded(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"
