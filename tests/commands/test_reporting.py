from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from cadyq_cli.commands.app import app as main_app
from cadyq_cli.commands.reporting import ErrorReporting
from cadyq_cli.errors import CadyqError, CheckpointError, ImageError, InputError
from cadyq_cli.networks import shipped

app = typer.Typer(cls=ErrorReporting, pretty_exceptions_enable=False)

FAILURES: dict[str, BaseException] = {
    "general": CadyqError("the message"),
    "image": ImageError("a.png", "is broken"),
    "input": InputError("no such thing"),
    "weights": CheckpointError("w.safetensors", "is damaged", hint="get it again"),
    "interrupt": KeyboardInterrupt(),
    "setting": InputError("a smaller `save_every` helps, `how` may be, and a `foreign_word` not"),
    "defect": RuntimeError("a programmer's mistake"),
}


@app.callback()
def main(*, debug: Annotated[bool, typer.Option("--debug")] = False) -> None:
    """As in the real application."""


@app.command()
def fail(ctx: typer.Context, how: str, save_every: int = 1) -> None:  # noqa: ARG001
    ctx.parent.obj = ctx.command  # type: ignore[union-attr]
    raise FAILURES[how]


@app.command()
def show(names: list[str]) -> None:
    typer.echo(" ".join(names))


@pytest.mark.parametrize(
    ("how", "exit_code", "line"),
    [
        ("general", 1, "error: the message\n"),
        ("image", 1, "error: a.png: is broken\n"),
        ("input", 2, "error: no such thing\n"),
        (
            "setting",
            2,
            "error: a smaller --save-every helps, how may be, and a `foreign_word` not\n",
        ),
        ("weights", 3, "error: w.safetensors: is damaged; get it again\n"),
        ("interrupt", 130, "interrupted\n"),
    ],
)
def test_a_failure_is_one_line_on_stderr_and_an_exit_code(
    how: str, exit_code: int, line: str
) -> None:
    result = CliRunner().invoke(app, ["fail", how])
    assert result.exit_code == exit_code
    assert result.stderr == line
    assert not result.stdout


@pytest.mark.parametrize("name", FAILURES.keys() - {"defect"})
@pytest.mark.parametrize("before", [True, False])
def test_debug_shows_the_traceback_and_keeps_the_exit_code(name: str, before: bool) -> None:
    line = ["--debug", "fail", name] if before else ["fail", name, "--debug"]
    result = CliRunner().invoke(app, line)
    assert result.stderr.startswith("Traceback (most recent call last):")
    assert "in fail\n" in result.stderr
    assert result.exit_code == CliRunner().invoke(app, ["fail", name]).exit_code


@pytest.mark.skipif(os.name == "nt", reason="no limits of files to fill a disk with")
@pytest.mark.parametrize("arguments", [["--version"], ["models"], ["upscale", "-h"]])
def test_standard_output_that_takes_nothing_is_one_line_and_exit_code_1(
    tmp_path: Path, arguments: list[str]
) -> None:
    code = "import sys, resource; resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))\n"
    code += "from cadyq_cli.__main__ import main; main()"
    with (tmp_path / "out").open("w") as output:  # as a full disk, which is not there to try
        done = subprocess.run(
            [sys.executable, "-B", "-c", code, *arguments],
            stdout=output,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr == "error: standard output: cannot be written: File too large\n"


def test_what_a_console_cannot_show_is_an_escape(tmp_path: Path) -> None:
    path = tmp_path / "日本.safetensors"
    shutil.copyfile(shipped.locate("span-x2"), path)
    done = subprocess.run(
        [sys.executable, "-m", "cadyq_cli", "models", str(path)],
        env=os.environ | {"PYTHONIOENCODING": "cp1252"},
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert rb"\u65e5\u672c.safetensors" in done.stdout


def test_a_reader_that_goes_away_is_no_failure_to_tell_of() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "wb") as closed:  # noqa: PTH123  a number
        done = subprocess.run(
            [sys.executable, "-m", "cadyq_cli", "models"],
            stdout=closed,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert (done.returncode, done.stderr) == (1, b"")


def test_a_name_behind_two_dashes_is_no_option() -> None:
    assert CliRunner().invoke(app, ["show", "--", "a", "--debug"]).stdout == "a --debug\n"


def test_a_defect_is_not_dressed_up_as_a_users_mistake() -> None:
    assert CliRunner().invoke(app, ["fail", "defect"]).exception is FAILURES["defect"]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["fail"], "error: missing argument 'how' (see root fail -h)\n"),
        (["fail", "--nonsense"], "error: no such option: --nonsense (see root fail -h)\n"),
        (["nonsense"], "error: no such command 'nonsense' (see root -h)\n"),
    ],
)
def test_wrong_usage_is_one_line_that_says_where_to_look(arguments: list[str], line: str) -> None:
    result = CliRunner().invoke(app, arguments)
    assert (result.exit_code, result.stdout, result.stderr) == (2, "", line)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (
            ("-s", "40"),
            "error: invalid value for '-s' / '--scale' / '--outscale': it should",
        ),
        (("--engine", "gpu"), "error: invalid value for '--engine': 'gpu' is not one of 'auto'"),
    ],
)
def test_a_value_that_does_not_fit_is_told_in_plain_words(
    arguments: tuple[str, ...], told: str
) -> None:
    result = CliRunner().invoke(main_app, ["upscale", "a.png", *arguments])
    assert result.exit_code == 2
    assert result.stderr.startswith(told)
