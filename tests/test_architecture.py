"""What holds for the whole package: who imports whom, and what a cheap command line loads."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
from tiny_networks import tiny

from cadyq_cli.commands.app import COMMANDS
from cadyq_cli.networks import save

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "cadyq_cli"
PHOTO = ROOT / "tests" / "images" / "photo.png"

RANKS = (
    {"commands"},
    {"batch", "diagnosis"},
    {"upscaling", "self_ensemble", "opening", "training", "calibration", "evaluation", "bitmaps"},
    {"figures"},
    {"outer_layers"},
    {"plain_areas"},
    {"networks", "imaging", "engine", "degradations"},
    {"backbones"},
    {"quant"},
    {"atomic", "downloads", "needing_torch"},
    {"errors", "escaping", "locking", "plain_json", "settings", "signals", "typed"},
)
RANK = {part: rank for rank, parts in enumerate(RANKS) for part in parts}
BUILDING = {"wheels.py", "compilers.py"}  # of `engine/native`, whose flags are compilers'
ENTRANCES = {"__init__", "__main__"}  # they lead to everything


def part_of(file: Path) -> str:
    """The first name below the package: a folder or a module."""
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(file: Path) -> Iterator[str]:
    """The dotted name of all that a file imports, wherever in the file it does so."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}:{node.lineno} is relative"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def imported_parts(file: Path) -> set[str]:
    names = {name.split(".")[1] for name in imports(file) if name.startswith("cadyq_cli.")}
    return names & RANK.keys()


FILES = [file for file in PACKAGE.rglob("*.py") if part_of(file) not in ENTRANCES]


def test_every_part_of_the_package_has_a_rank() -> None:
    assert {part_of(file) for file in FILES} <= RANK.keys()


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_imports_point_downwards(file: Path) -> None:
    above = {name for name in imported_parts(file) if RANK[name] < RANK[part_of(file)]}
    assert not above


def test_no_two_parts_import_each_other() -> None:
    graph: dict[str, set[str]] = {}
    for file in FILES:
        graph.setdefault(part_of(file), set()).update(imported_parts(file) - {part_of(file)})
    TopologicalSorter(graph).prepare()  # raises CycleError


def test_no_modules_import_each_other_in_a_circle() -> None:
    modules = {".".join(f.relative_to(ROOT).with_suffix("").parts): f for f in FILES}
    graph = {
        name: {module for each in imports(file) if (module := _module_of(each, modules))} - {name}
        for name, file in modules.items()
    }
    TopologicalSorter(graph).prepare()  # raises CycleError


def _module_of(imported: str, modules: Mapping[str, Path]) -> str | None:
    """The module that a dotted name is, or is in."""
    return next((n for n in (imported, imported.rpartition(".")[0]) if n in modules), None)


def test_only_commands_name_flags() -> None:
    """Errors name a setting in backquotes, and `commands.reporting` says its flag."""
    named = [
        f"{file.relative_to(PACKAGE)}: {node.value}"
        for file in FILES
        if part_of(file) != "commands" and file.name not in BUILDING
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        if re.search(r"(?<![\w-])--[a-z]", node.value) and "`cadyq " not in node.value
    ]
    assert not named


@pytest.mark.parametrize(
    ("part", "foreign"),
    [("imaging", "torch"), ("degradations", "torch"), ("errors", "torch"), ("commands", "click")],
)
def test_a_part_does_without_a_library(part: str, foreign: str) -> None:
    users = [
        str(file)
        for file in FILES
        if part_of(file) == part and foreign in {name.split(".")[0] for name in imports(file)}
    ]
    assert not users


def loaded_by(code: str, *arguments: str) -> set[str]:
    """The modules that a fresh interpreter has loaded once it has run `code`."""
    script = (
        f"import sys\ntry:\n    {code}\nexcept SystemExit:\n    pass\n"
        "print('modules:', *sys.modules)"
    )
    command = [sys.executable, "-c", script, *arguments]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return set(output.splitlines()[-1].split())


def loaded_by_cadyq(*arguments: str) -> set[str]:
    loaded = loaded_by("from cadyq_cli.__main__ import main; main()", *arguments)
    assert "cadyq_cli.commands.app" in loaded
    return loaded


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--help"],
        ["nonsense"],
        ["--nonsense"],
        ["upscale", "--help"],
        ["upscale"],
        ["upscale", "photo.png", "--nonsense"],
        ["upscale", "photo.png", "--scale", "17"],
        ["upscale", "photo.png", "--device", "abacus"],
        ["upscale", "photo.png", "--engine", "abacus"],
        ["upscale", "photo.png", "--overwrite", "--skip-existing"],
        ["upscale", "photo.png", "--shard", "1"],
        ["bitmap", "--help"],
        ["bitmap"],
        ["bitmap", "photo.png", "--site", "a", "--by-layer"],
        ["eval", "--help"],
        ["eval"],
        ["eval", "-d", "photos", "--json", "--csv"],
        ["eval", "-d", "photos", "--step", "9"],
        ["train", "--help"],
        ["train", "photos", "-o", "run", "--widths", "4,six"],
        ["train", "photos", "-o", "run", "--recipe", "nonsense"],
        ["models", "--help"],
    ],
    ids=" ".join,
)
def test_help_and_usage_errors_load_neither_torch_nor_numpy_nor_pillow(
    arguments: list[str],
) -> None:
    assert not loaded_by_cadyq(*arguments) & {"torch", "numpy", "PIL"}


def test_a_subcommand_does_not_load_the_others() -> None:
    loaded = loaded_by_cadyq("upscale", "--nonsense")
    assert loaded & {f"cadyq_cli.commands.{name}" for name in COMMANDS} == {
        "cadyq_cli.commands.upscale"
    }
    assert not loaded & {"pydantic", "rich"}  # Typer's, 0.1 s each


@pytest.mark.parametrize(
    "arguments",
    [
        ["--version"],
        ["models"],
        ["upscale", "missing.png"],
        ["upscale", "PHOTO", "-n", "nonsense"],
        ["upscale", "PHOTO", "-m", "missing.safetensors"],
        ["upscale", "PHOTO", "-m", "PHOTO"],
        ["upscale", "PHOTO", "-f", "nonsense"],
        ["upscale", "PHOTO", "-o", "out.nonsense"],
        ["upscale", "PHOTO", "-o", "missing/out.png"],
        ["upscale", "PHOTO", "-o", "PHOTO"],
        ["bitmap", "missing.png"],
        ["bitmap", "PHOTO", "-n", "nonsense"],
        ["bitmap", "PHOTO", "-m", "missing.safetensors"],
        ["eval", "nonsense", "-d", "FOLDER"],
        ["eval", "missing.safetensors", "-d", "FOLDER"],
        ["eval", "-d", "missing"],
    ],
    ids=" ".join,
)
def test_what_a_command_line_names_wrongly_is_noticed_without_torch(arguments: list[str]) -> None:
    places = {"PHOTO": str(PHOTO), "FOLDER": str(PHOTO.parent)}
    assert "torch" not in loaded_by_cadyq(*(places.get(each, each) for each in arguments))


@pytest.mark.parametrize(
    "arguments",
    [
        ["upscale", "--self-ensemble"],
        ["upscale", "-s", "3", "--bit-map", "MAP"],
        ["bitmap", "--finer", "2"],
    ],
    ids=" ".join,
)
def test_whole_numbers_are_computed_without_torch(tmp_path: Path, arguments: list[str]) -> None:
    weights, result = tmp_path / "tiny.safetensors", tmp_path / "out.png"
    save(weights, tiny(), compact=True)
    options = ["-o", str(result), "-m", str(weights), "--engine", "int8"]
    given = [each.replace("MAP", str(tmp_path / "map.png")) for each in arguments]
    loaded = loaded_by_cadyq(*given, str(PHOTO), *options)
    assert not loaded & {"torch", "pydantic", "tqdm"}  # 1.4 s, 0.1 s, 0.02 s
    assert result.exists()


def test_the_package_itself_loads_nothing_heavy() -> None:
    assert not loaded_by("import cadyq_cli") & {"torch", "numpy", "PIL", "typer"}


def test_every_public_name_can_be_had() -> None:
    import cadyq_cli

    assert all(getattr(cadyq_cli, name) is not None for name in cadyq_cli.__all__)
    assert set(cadyq_cli.__all__) <= set(dir(cadyq_cli))


def test_the_wheel_carries_the_weights() -> None:
    assert '\nweights = "cadyq_cli/weights"\n' in (ROOT / "pyproject.toml").read_text()


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_functions_are_short_and_take_few_parameters(file: Path) -> None:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        where, given = f"{node.name}, line {node.lineno}", node.args
        assert (node.end_lineno or 0) - node.lineno < 60, where
        catch_all = [each for each in (given.vararg, given.kwarg) if each]
        named = [*given.posonlyargs, *given.args, *given.kwonlyargs, *catch_all]
        assert len(named) <= 12, where
