from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import pytest
import typer
from typer.testing import CliRunner

from cadyq_cli.backbones.known import BACKBONES
from cadyq_cli.commands.app import COMMANDS
from cadyq_cli.commands.app import app as cadyq
from cadyq_cli.commands.options.command import command_of
from cadyq_cli.commands.options.contradictions import given
from cadyq_cli.commands.options.declaring import against, argument, option
from cadyq_cli.figures.palette import PALETTES
from cadyq_cli.imaging.kinds import KINDS
from cadyq_cli.networks.official import _TABLES
from cadyq_cli.networks.shipped import SCALES
from cadyq_cli.opening import ENGINES


@dataclass(frozen=True, kw_only=True)
class Words:
    word: str | None = argument(None, "A word.", metavar="WORD")


@dataclass(frozen=True, kw_only=True)
class Shape:
    PANEL: ClassVar[str] = "Look"
    edge: int = option(
        0,
        "How long. More of it.",
        *("-e", "--edge", "--length"),
        least=0,
        most=9,
        common=True,
        excludes=(
            against("pair", because="of a reason"),
            against("switch", words="`{other}` needs `{option}` 0"),
        ),
    )
    over: Literal["input", "output"] = option("input", "What lies beneath.")
    pair: tuple[str, str] | None = option(None, "Two.", metavar="A B", usually="none")
    switch: bool = option(False, "On.")


def command(words: Words, shape: Shape) -> None:
    """Tell what is given."""
    typer.echo(" ".join(sorted(given(words, shape))))


app = typer.Typer(add_completion=False)
app.command()(command_of(command))


def run(*line: str) -> Any:
    return CliRunner(env={"COLUMNS": "80"}).invoke(app, line)


@pytest.mark.parametrize(
    ("line", "settings"),
    [
        ("", ""),
        ("some", "word"),
        ("-e 0 --over input", ""),
        ("--length 3 --over output", "edge over"),
        ("--pair a b --switch", "pair switch"),
    ],
)
def test_an_option_left_at_its_default_is_not_given(line: str, settings: str) -> None:
    result = run(*line.split())
    assert (result.exit_code, result.stdout) == (0, f"{settings}\n")


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ("--pair a b", "`edge` and `pair` contradict each other: of a reason"),
        ("--switch", "`switch` needs `edge` 0"),
    ],
)
def test_options_that_exclude_each_other_are_refused_in_the_words_declared(
    other: str, message: str
) -> None:
    assert str(run("-e", "3", *other.split()).exception) == message


@pytest.mark.parametrize("edge", ["-1", "10", "long"])
def test_a_value_out_of_bounds_is_wrong_usage(edge: str) -> None:
    assert run("--edge", edge).exit_code == 2


def test_help_shows_all_options_and_their_defaults_under_their_panels() -> None:
    shown = run("--help").stdout
    assert "Look" in shown
    assert all(name in shown for name in ("--length", "--over", "--pair", "--switch", "More of it"))
    assert "[default: input]" in shown
    assert "[default: none]" in shown


def test_short_help_shows_common_options_in_a_sentence() -> None:
    shown = run("-h").stdout
    assert all(word in shown for word in ("Tell what is given.", "WORD", "--edge", "How long"))
    assert not any(word in shown for word in ("--length", "--over", "--pair", "Look", "More of it"))


@pytest.mark.parametrize("name", COMMANDS)
def test_short_help_is_one_screen_with_examples_and_leads_to_all_options(name: str) -> None:
    result = CliRunner(env={"COLUMNS": "80"}).invoke(cadyq, [name, "-h"], prog_name="cadyq")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert len(lines) <= 40
    assert max(map(len, lines)) <= 80
    assert f"cadyq {name} --help" in result.stdout
    assert result.stdout.count(f"cadyq {name} ") > 2


def _help(name: str) -> str:
    return CliRunner(env={"COLUMNS": "200"}).invoke(cadyq, [name, "--help"]).stdout


def test_help_lists_the_formats_that_can_be_read_and_written() -> None:
    listed = set(re.findall(r"\w+", _help("upscale").lower()))
    assert {kind.name.lower() for kind in KINDS} <= listed


@pytest.mark.parametrize(
    ("command", "choices"),
    [
        ("bitmap", PALETTES),
        ("bitmap", ENGINES),
        ("bitmap", map(str, SCALES)),
        ("eval", ENGINES),
        ("eval", map(str, SCALES)),
    ],
)
def test_help_lists_the_choices_that_there_are(command: str, choices: Iterable[str]) -> None:
    assert f" {'|'.join(choices)} " in _help(command)


def test_help_lists_the_backbones_that_can_be_trained_and_loaded() -> None:
    assert f" {_listed(BACKBONES)} " in _help("train")
    assert f" {_listed(_TABLES)}." in _help("eval")


def _listed(names: Iterable[str]) -> str:
    *names, last = names
    return f"{', '.join(names)} or {last}"
