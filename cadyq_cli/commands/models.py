"""`cadyq models`: what comes with the package, and what a weights file says of itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

from cadyq_cli.commands.options.command import command_of
from cadyq_cli.commands.options.declaring import argument
from cadyq_cli.commands.tables import print_table

if TYPE_CHECKING:
    from cadyq_cli.networks.catalogue import Shipped


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What to tell of."""

    name: str = argument("", "Tell of this one: how it was made.", metavar="[NAME|FILE]")


def tell(asked: Asked) -> None:
    """List the networks that come with cadyq, or tell how one was made.

    Examples:

        cadyq models
        cadyq models edsr-x4                     how good it is, and how it was made
        cadyq models runs/mine/dynamic.safetensors
        cadyq upscale photo.jpg -n edsr -s 4     runs one of them
    """
    from cadyq_cli.networks import shipped
    from cadyq_cli.networks.catalogue import catalogue, described

    if asked.name:
        for line in _told(described(shipped.locate(asked.name))):
            typer.echo(line)
    elif there := list(catalogue()):
        _list(there)
    else:
        typer.echo("no networks come with this installation; -m runs one of your own", err=True)


def _list(there: list[Shipped]) -> None:
    from rich.table import Table

    table = Table("name", "scale", "size", "bits on B100", "PSNR", "licence", box=None)
    for each in there:
        model, _, scale = each.path.stem.rpartition("-x")
        psnr = each.card.about.get("psnr", {})  # by the name of the data set
        table.add_row(
            model,
            scale,
            f"{each.size:.1f} MB",
            _rounded(each.card.about.get("average_bits")),
            ", ".join(f"{images} {_rounded(value)} dB" for images, value in psnr.items()),
            each.licence,
        )
    print_table(table)


def _told(of: Shipped) -> Iterator[str]:
    """All that is known of a network, line by line."""
    card = of.card
    yield f"{of.path.name}: {card.backbone} x{card.scale}, {card.precision}, {of.size:.1f} MB"
    yield ", ".join(f"{name} = {value}" for name, value in card.settings.items())
    for name, score in of.scores.items():
        yield f"{name}: {score.psnr:.2f} dB, SSIM {score.ssim:.4f}, {score.bits:g} bit"
    for number, event in enumerate(of.history, 1):
        yield f"{number}. {event}"


def _rounded(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


models = command_of(tell)
