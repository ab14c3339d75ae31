"""`cadyq doctor`: what cadyq runs on, and whether it works."""

from __future__ import annotations

import json
from dataclasses import dataclass

import typer

from cadyq_cli.commands.options.command import command_of
from cadyq_cli.commands.options.declaring import option


@dataclass(frozen=True, kw_only=True)
class Printed:
    """How it is printed."""

    json: bool = option(False, "Print an object for programs instead.", common=True)


def examine(printed: Printed) -> None:
    """Tell what cadyq runs on, and check that it works.

    Examples:

        cadyq doctor                    to be pasted into a report of a fault
        cadyq doctor > report.txt || echo something is wrong
        cadyq doctor --json
    """
    from cadyq_cli.diagnosis import findings

    found = list(findings())
    wrong = [each for each in found if each.advice]
    if printed.json:
        entries = {each.topic: each.told for each in found}
        advice = {each.topic: each.advice for each in wrong}
        typer.echo(json.dumps({"version": 1, "found": entries, "wrong": advice}, indent=2))
    else:
        wide = max(len(each.topic) for each in found)
        for each in found:
            typer.echo(f"{each.topic:{wide}}  {each.told}")
        for each in wrong:
            typer.echo(f"wrong: {each.topic}: {each.told}; {each.advice}", err=True)
    if wrong:
        raise typer.Exit(1)


doctor = command_of(examine)
