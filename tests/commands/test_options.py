from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
import typer
from typer.testing import CliRunner

from cadyq_cli.commands.options import given_options, refuse_together

app = typer.Typer(add_completion=False)


@app.command()
def command(
    context: typer.Context,
    word: Annotated[str | None, typer.Argument()] = None,
    *,
    edge: Annotated[int, typer.Option("-e", "--edge", "--length")] = 0,
    over: Literal["input", "output"] = "input",
    pair: tuple[str, str] | None = None,
    switch: Annotated[bool, typer.Option("--switch")] = False,
) -> tuple[Any, ...]:
    typer.echo(" ".join(sorted(given_options(context))))
    refuse_together(context, "--edge", "--pair", "--switch", because="of a reason")
    return word, edge, over, pair, switch


@pytest.mark.parametrize(
    ("line", "given"),
    [
        ("", ""),
        ("word", ""),
        ("-e 0 --over input", ""),
        ("--length 3 --over output", "--edge --over"),
        ("--pair a b --switch", "--pair --switch"),
    ],
)
def test_an_option_left_at_its_default_is_not_given(line: str, given: str) -> None:
    result = CliRunner().invoke(app, line.split())
    assert (result.exit_code, result.stdout) == (0, f"{given}\n")


@pytest.mark.parametrize("other", ["--pair a b", "--switch"])
def test_options_that_contradict_each_other_are_refused_with_the_reason(other: str) -> None:
    result = CliRunner().invoke(app, ["-e", "3", *other.split()])
    name = other.split(maxsplit=1)[0]
    assert str(result.exception) == f"--edge and {name} contradict each other: of a reason"
