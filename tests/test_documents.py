"""What the documents name is there."""

from __future__ import annotations

import importlib.util
import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cadyq_cli.commands.app import app

ROOT = Path(__file__).parents[1]
DOCUMENTS = (
    "README.md",
    "cadyq_cli/ARCHITECTURE.md",
    ".github/CONTRIBUTING.md",
    "tests/benchmarks/README.md",
    "weights/README.md",
    "tests/platforms/README.md",
    "tests/scale/README.md",
    ".github/CHANGELOG.md",
    ".github/SECURITY.md",
)
EXAMPLES = {"cadyq_cli/backbones/plain.py"}  # that a reader is told to write
INSIDE = r"(?:cadyq_cli|tests|weights|\.github|\.ci)/[\w./-]*"


def text_of(document: str) -> str:
    return (ROOT / document).read_text(encoding="utf-8")


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_path_that_a_document_names_exists(document: str) -> None:
    named = set(re.findall(rf"(?<=[`\s(]){INSIDE}", text_of(document))) - EXAMPLES
    assert not [path for path in sorted(named) if not (ROOT / path).exists()]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_link_of_a_document_leads_somewhere(document: str) -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#\s]+)", text_of(document))
    assert not [link for link in links if not (ROOT / document).parent.joinpath(link).exists()]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_module_that_a_document_runs_exists(document: str) -> None:
    modules = re.findall(r"-m (cadyq_cli[\w.]*)", text_of(document))
    assert not [module for module in modules if importlib.util.find_spec(module) is None]


def _commands(text: str) -> list[list[str]]:
    """The words of each `cadyq` that an example starts, without what a shell does with them."""
    joined = re.sub(r"\\\n\s*|\n {14}(?=-)", " ", text)
    lines = re.findall(r"^.*(?:cadyq|-m cadyq_cli) ((?:upscale|train) .+)$", joined, re.MULTILINE)
    return [[word for word in shlex.split(line) if word != "\\"] for line in lines]


@pytest.mark.parametrize("example", sorted((ROOT / ".github/examples").iterdir()), ids=str)
def test_examples_give_options_that_there_are(example: Path) -> None:
    (words,) = _commands(example.read_text(encoding="utf-8"))
    told = CliRunner().invoke(app, [words[0], "--help"]).stdout
    flags = [word for word in words if word.startswith("-")]
    assert "-o" in flags
    assert [flag for flag in flags if not re.search(rf"(?<![\w-]){flag}(?![\w-])", told)] == []
