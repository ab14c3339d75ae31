from __future__ import annotations

import os
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from cadyq_cli import __version__
from cadyq_cli.commands.app import COMMANDS, app


def printed(*arguments: str) -> str:
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0
    return result.stdout


def words(text: str) -> str:
    """Without the frames and the line breaks of a help."""
    return " ".join(text.replace("│", " ").split())


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_is_listed_with_what_it_says_of_itself(command: str) -> None:
    _, summary = COMMANDS[command]
    assert f"{command} {summary}" in words(printed("--help"))
    assert f"{summary} Examples:" in words(printed(command, "--help"))


def test_the_help_begins_with_examples() -> None:
    places = [printed("-h").index(word) for word in ("Examples", "Options", "Commands")]
    assert places == sorted(places)


def test_without_arguments_the_help_is_printed() -> None:
    result = CliRunner().invoke(app, [])
    assert (result.exit_code, result.stdout, result.stderr) == (
        2,
        printed("--help").rstrip("\n") + "\n",
        "",
    )


def test_the_version_is_that_of_the_package() -> None:
    assert printed("--version").startswith(f"cadyq {__version__}")


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("cadyq ups", "upscale"),
        ("cadyq upscale --over", "--overwrite"),
        ("cadyq train --wid", "--widths"),
    ],
)
def test_shells_complete_commands_and_options(typed: str, expected: str) -> None:
    asked = {"_CADYQ_COMPLETE": "complete_bash", "COMP_WORDS": typed}
    asked |= {"COMP_CWORD": str(len(typed.split()) - 1)}
    command = [sys.executable, "-c", "from cadyq_cli.__main__ import main; main()"]
    told = subprocess.run(
        command, env=os.environ | asked, capture_output=True, text=True, check=False
    )
    assert expected in told.stdout.split()
