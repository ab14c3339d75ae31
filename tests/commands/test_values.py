from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
import typer
from typer.main import get_command

from cadyq_cli.commands.values import convert_plainly

app = typer.Typer(add_completion=False)


def _praised(text: str | None) -> str | None:
    if text == "bad":
        raise typer.BadParameter("be good")
    return text and f"good {text}"


@app.command()
def values(
    files: list[Path],
    *,
    pair: tuple[Path, Path] | None = None,
    number: Annotated[int, typer.Option(min=1, max=9)] = 3,
    share: Annotated[float | None, typer.Option(max=1)] = None,
    choice: Literal["some", "all"] = "some",
    scale: Literal[2, 3, 4] | None = None,
    words: list[str] | None = None,
    text: Annotated[str | None, typer.Option(callback=_praised)] = None,
    switch: bool | None = None,
) -> tuple[Any, ...]:
    return files, pair, number, share, choice, scale, words, text, switch


def outcome(arguments: list[str], *, plainly: bool) -> Any:
    """What the command gets, or what is said against it."""
    command = get_command(app)
    if plainly:
        convert_plainly(command.params)
    try:
        return command.main(arguments, prog_name="values", standalone_mode=False)
    except typer.TyperException as error:
        return error.format_message()


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["b.png", "-"],
        ["--number", "9", "--share", "0.5"],
        ["--number", "0"],
        ["--number", "10"],
        ["--number", "many"],
        ["--number", "2.5"],
        ["--share", "1e-3"],
        ["--share", "1.01"],
        ["--share", "nan"],
        ["--choice", "all", "--scale", "2"],
        ["--choice", "none"],
        ["--scale", "5"],
        ["--words", "a", "--words", "b c"],
        ["--text", "word"],
        ["--text", "bad"],
        ["--text", ""],
        ["--pair", "a", "b"],
        ["--switch"],
        ["--no-switch"],
    ],
    ids=" ".join,
)
def test_a_command_gets_what_typer_would_give_it(options: list[str]) -> None:
    arguments = ["a.png", *options]
    plain, typers = (outcome(arguments, plainly=plainly) for plainly in (True, False))
    assert plain == typers
    if not isinstance(plain, str):
        assert [*map(type, plain)] == [*map(type, typers)]


def test_what_is_missing_is_told_as_typer_would() -> None:
    assert isinstance(outcome([], plainly=False), str)
    assert outcome([], plainly=True) == outcome([], plainly=False)


@pytest.mark.parametrize("private", ["type_descriptor", "min", "max", "required", "callback"])
def test_typer_converts_all_where_it_does_not_tell_what_it_would_do(private: str) -> None:
    class Renamed:
        """A parameter of another version of Typer."""

        def __init__(self, parameter: Any) -> None:
            self._parameter = parameter
            self.process_value: Any = lambda _, given: ("Typer's", given)

        def __getattr__(self, name: str) -> Any:
            if name == private:
                raise AttributeError(name)
            return getattr(self._parameter, name)

    parameters = [p for p in get_command(app).params if p.name == "number"]
    (renamed,) = map(Renamed, parameters)
    convert_plainly([renamed])
    assert renamed.process_value(None, "5") == ("Typer's", "5")


def test_a_parameter_without_a_conversion_to_replace_is_left_alone() -> None:
    parameter = object()
    convert_plainly([parameter])
