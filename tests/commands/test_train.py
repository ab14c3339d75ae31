"""`cadyq train` as people call it."""

from __future__ import annotations

import re
import shutil
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from safetensors import safe_open
from tiny_networks import tiny
from typer.testing import CliRunner, Result

from cadyq_cli.commands.app import app
from cadyq_cli.networks import save, stored
from cadyq_cli.training.folder import RunFolder
from cadyq_cli.training.log import table
from cadyq_cli.training.recipes.plan import Plan, parse_plan
from cadyq_cli.training.recipes.recipe import Recipe

SMALL = ("-s", "2", "--set", "features=4", "--set", "blocks=1", "--no-fuse", "--stages", "float")
SHORT = (*SMALL, "--steps", "2", "--batch", "2", "--patch", "8")


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two photographs of noise, and a file that is none."""
    folder = tmp_path_factory.mktemp("photos")
    random = np.random.default_rng(5)
    for name in "ab":
        pixels = random.integers(0, 256, (24, 32, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{name}.png")
    (folder / "broken.png").write_bytes(b"rubbish")
    return folder


def _train(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["train", *map(str, arguments)])


def test_every_setting_is_a_flag() -> None:
    result = CliRunner(env={"COLUMNS": "200"}).invoke(app, ["train", "--help"])
    names = {f.name for kind in (Plan, Recipe) for f in fields(kind)} - {
        "settings",
        "recipes",
        "degradation",
    }
    flags = {f"--{name.replace('_', '-')}" for name in names}
    assert {flag for flag in flags if flag not in result.stdout} == set()


def test_a_run_says_what_it_learns_from_and_keeps_its_recipe(photos: Path, tmp_path: Path) -> None:
    result = _train(photos, "-o", tmp_path, *SHORT, "--learning-rate", "2e-4", "--signed")
    assert result.exit_code == 0, result.stderr
    assert result.stdout == ""
    assert f"left out: {photos}/broken.png" in result.stderr
    assert "2 images, 0.0 megapixels" in result.stderr
    plan = parse_plan((tmp_path / "recipe.toml").read_text(), "file")
    assert plan.recipes["float"].learning_rate == 2e-4
    assert not plan.unsigned
    assert plan.settings == {"features": 4, "blocks": 1}


def test_a_begun_run_needs_no_flags_again_and_takes_new_ones(photos: Path, tmp_path: Path) -> None:
    assert _train(photos, "-o", tmp_path, *SHORT).exit_code == 0
    assert _train(photos, "-o", tmp_path).exit_code == 0
    longer = _train(photos, "-o", tmp_path, "--steps", "3")
    assert longer.exit_code == 0
    assert "changed: float.steps is 3, and was 2" in longer.stderr


def test_another_recipe_or_network_in_a_begun_run_is_refused(photos: Path, tmp_path: Path) -> None:
    assert _train(photos, "-o", tmp_path, *SHORT).exit_code == 0
    other = _train(photos, "-o", tmp_path, *SHORT, "--recipe", "paper-edsr")
    assert other.exit_code == 2
    assert "use a new folder" in other.stderr
    larger = _train(photos, "-o", tmp_path, "-s", "4")
    assert larger.exit_code == 2
    assert "scale is 4, and was 2" in larger.stderr


def test_a_recipe_of_ones_own_may_be_in_a_file(photos: Path, tmp_path: Path) -> None:
    assert _train(photos, "-o", tmp_path / "a", *SHORT).exit_code == 0
    recipe = shutil.copy(tmp_path / "a" / "recipe.toml", tmp_path / "mine.toml")
    assert _train(photos, "-o", tmp_path / "b", "--recipe", recipe).exit_code == 0
    first, second = (tmp_path / run / "float.safetensors" for run in "ab")
    assert first.read_bytes() == second.read_bytes()


def test_a_file_in_place_of_the_runs_folder_is_one_line(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "run").touch()
    for folder in (tmp_path / "run", tmp_path / "run" / "in"):
        result = _train(photos, "-o", folder, "--patch", "4")
        assert result.exit_code == 1
        assert re.fullmatch(
            rf"error: {re.escape(str(folder))}: cannot be made: .+\n", result.stderr
        )


def test_a_dry_run_tells_images_steps_and_hours_and_writes_nothing(
    photos: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    result = _train(photos, "-o", run, *SHORT, "--steps", "1000", "--dry-run")
    assert result.exit_code == 0, result.stderr
    assert "2 images, 0.0 megapixels" in result.stderr
    assert "1,000 steps of 2 crops of 8 px" in result.stdout
    assert re.search(r"in all [\d.]+ (minutes|hours) on cpu", result.stdout)
    settings = result.stdout[result.stdout.index("backbone =") :]
    assert parse_plan(settings, "output").recipes["float"].steps == 1000
    assert not run.exists()


def test_a_dry_run_tells_what_a_network_lacks_that_starts_as_another(
    photos: Path, tmp_path: Path
) -> None:
    edsr = tmp_path / "edsr.safetensors"
    save(edsr, tiny("edsr", 2, "float"))
    start = ("-b", "carn", "-s", "2", "--start", edsr, "--stages", "float", "--patch", "8")
    result = _train(
        photos, "-o", tmp_path / "run", *start, "--batch", "1", "--no-fuse", "--dry-run"
    )
    assert result.exit_code == 0, result.stderr
    assert "carn x2, " in result.stdout
    assert "; random: upsamplers.x3.0.weight, " in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--fit-last",), "fit_last is for a span from scratch"),
        (
            ("--recipe", "nonsense"),
            "error: --recipe nonsense: neither a file nor one of",
        ),
        (("--widths", "4,nine"), "give whole numbers"),
        (("--sizes", "1,half"), "give numbers, such as 1,0.5"),
        (("--sizes", "1,2"), "should be above 0, and at most 1"),
        (("--widths", "1,4"), "from 2 to 8"),
        (("--widths", "4,4"), "should be different"),
        (("--target-bits", "20"), "target_bits = 20 should be from 3 to 8"),
        (("--stages", "static,float"), "in the order"),
        (("--set", "features"), "give a setting such as"),
        (("--set", "features=many"), "features = 'many' should be a whole number"),
        (("--set", "features=²"), "features = '²' should be a whole number"),
        (("--set", "features=0"), "edsr: features = 0 should be at least 1"),
        (("--set", "blocks=-1"), "edsr: blocks = -1 should be at least 1"),
        (("--backbone", "idn", "--set", "features=8"), "8 features are too few"),
        (("--backbone", "span", "--set", "activation=tanh"), "one of silu, relu, hardswish"),
        (("--set", "colour=3"), "edsr: colour; it has features, blocks, composed"),
        (("--backbone", "vgg"), "unknown backbone 'vgg'"),
        (("--learning-rate", "-1"), "at least 0"),
        (("--arithmetic", "float16", "--device", "cpu"), "needs a GPU"),
        (("--patch", "50"), "2 smaller than 200 px"),
    ],
)
def test_wrong_usage_ends_in_one_line_and_exit_code_2(
    photos: Path, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    result = _train(photos, "-o", tmp_path / "run", "--patch", "4", *arguments)
    assert result.exit_code == 2
    assert message in result.stderr.splitlines()[-1]


def test_a_recipe_that_is_no_text_ends_in_one_line_and_exit_code_2(
    photos: Path, tmp_path: Path
) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_bytes(b"backbone = '\xff'")
    for arguments in (("-o", tmp_path), ("-o", tmp_path / "run", "--recipe", recipe)):
        result = _train(photos, *arguments)
        assert result.exit_code == 2
        assert result.stderr == f"error: {recipe}: is not UTF-8 text\n"


def test_a_dry_run_of_several_processes_is_refused_before_the_photographs_are_checked(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    result = _train(photos, "-o", tmp_path / "run", "--dry-run")
    assert result.exit_code == 2
    assert result.stderr == "error: --dry-run needs one process; start it without torchrun\n"


def test_memory_may_be_unlimited(photos: Path, tmp_path: Path) -> None:
    result = _train(photos, "-o", tmp_path / "run", *SHORT, "--memory", "inf")
    assert result.exit_code == 0, result.stderr


@pytest.mark.parametrize("dry", [(), ("--dry-run",)], ids=["run", "dry run"])
def test_a_teacher_that_is_no_network_is_refused_before_anything_is_trained(
    photos: Path, tmp_path: Path, dry: tuple[str, ...]
) -> None:
    (tmp_path / "rubbish.safetensors").write_bytes(b"rubbish")
    save(tmp_path / "x4.safetensors", tiny("edsr", 4, "float"))
    run = tmp_path / "run"
    for name, code in (("missing", 3), ("rubbish", 3), ("x4", 2)):
        teacher = tmp_path / f"{name}.safetensors"
        result = _train(photos, "-o", run, *SHORT, "--teacher", teacher, *dry)
        assert result.exit_code == code
        assert re.fullmatch(rf"error: {re.escape(str(teacher))}.+\n", result.stderr)
        assert not run.exists()


def test_a_run_without_a_recipe_trains_what_its_start_is(photos: Path, tmp_path: Path) -> None:
    start = tmp_path / "start.safetensors"
    save(start, tiny("srresnet", 2, "static"))
    given = ("--start", start, "--patch", "4", "--dry-run", "--no-fuse")
    result = _train(photos, "-o", tmp_path / "run", *given)
    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith("srresnet x2, ")
    assert "\ndynamic " in result.stdout
    larger = _train(photos, "-o", tmp_path / "run", *given, "--scale", "3")
    assert larger.stdout.startswith("srresnet x3, ")
    other = _train(photos, "-o", tmp_path / "run", *given, "--recipe", "paper-edsr")
    assert other.exit_code == 2
    assert f"{start} is srresnet, not edsr" in other.stderr


@pytest.mark.parametrize("dry", [(), ("--dry-run",)], ids=["run", "dry run"])
def test_start_and_teacher_are_read_once_each_whatever_the_stages(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dry: tuple[str, ...]
) -> None:
    opened: list[Path] = []

    def counted(path: Path, **options: Any) -> Any:
        opened.append(path)
        return safe_open(path, **options)

    monkeypatch.setattr(stored, "safe_open", counted)
    start, teacher = (tmp_path / f"{name}.safetensors" for name in ("start", "teacher"))
    for file in (start, teacher):
        save(file, tiny("edsr", 2, "float"))
    given = ("--start", start, "--teacher", teacher, "--steps", "1", "--batch", "2", "--patch", "8")
    plain = ("--no-edges", "--no-measure-selectors")
    result = _train(photos, "-o", tmp_path / "run", *given, "--no-fuse", *plain, *dry)
    assert result.exit_code == 0, result.stderr
    assert (result.stdout + result.stderr).count("dynamic") > 0
    assert [opened.count(file) for file in (start, teacher)] == [1, 1]


def test_a_teacher_of_another_backbone_teaches_its_output_only(
    photos: Path, tmp_path: Path
) -> None:
    teacher = tmp_path / "teacher.safetensors"
    save(teacher, tiny("idn", 2, "float"))
    taught = ("--teacher", teacher, "--distill-output", "1")
    refused = _train(photos, "-o", tmp_path / "run", *SHORT, *taught, "--distill-last", "1")
    assert refused.exit_code == 2
    assert "is idn, and not edsr, so only its output can be imitated" in refused.stderr
    result = _train(photos, "-o", tmp_path / "run", *SHORT, *taught)
    assert result.exit_code == 0, result.stderr
    rows = table.read(tmp_path / "run" / "metrics.csv")
    assert all(float(row["output"]) > 1 for row in rows)


def test_a_teacher_of_one_scale_cannot_teach_several(photos: Path, tmp_path: Path) -> None:
    teacher = tmp_path / "teacher.safetensors"
    save(teacher, tiny("idn", 2, "float"))
    several = ("-b", "carn", "-s", "2", "--scales", "2,3", "--stages", "float", "--patch", "8")
    result = _train(photos, "-o", tmp_path / "run", *several, "--teacher", teacher)
    assert result.exit_code == 2
    assert result.stderr == f"error: {teacher} is idn, which has one scale only\n"


def test_a_dry_run_refuses_what_the_run_would(photos: Path, tmp_path: Path) -> None:
    assert _train(photos, "-o", tmp_path, *SHORT, "--stages", "float,static").exit_code == 0
    for dry in ((), ("--dry-run",)):
        result = _train(photos, "-o", tmp_path, "--stages", "float", "--steps", "9", *dry)
        assert result.exit_code == 2
        assert "float cannot have more steps once static has begun" in result.stderr


def test_a_finished_run_keeps_the_recipe_that_it_was_trained_with(
    photos: Path, tmp_path: Path
) -> None:
    assert _train(photos, "-o", tmp_path, *SHORT).exit_code == 0
    recipe = (tmp_path / "recipe.toml").read_bytes()
    result = _train(photos, "-o", tmp_path, "--learning-rate", "1e-3")
    assert result.exit_code == 0
    assert "all stages are done, with settings as they were" in result.stderr
    assert (tmp_path / "recipe.toml").read_bytes() == recipe


def test_a_flag_changes_no_recipe_of_a_stage_that_is_finished(photos: Path, tmp_path: Path) -> None:
    assert _train(photos, "-o", tmp_path, *SHORT).exit_code == 0
    changes = ("--stages", "float,static", "--learning-rate", "1e-3", "--steps", "1")
    result = _train(photos, "-o", tmp_path, *changes)
    assert result.exit_code == 0
    assert "changed: static.learning_rate is 0.001, and was 0" in result.stderr
    assert "float.learning_rate" not in result.stderr
    longer = _train(photos, "-o", tmp_path, "--steps", "3")
    assert longer.exit_code == 0
    plan = parse_plan((tmp_path / "recipe.toml").read_text(), "file")
    recipes = [plan.recipes[stage] for stage in plan.stages]
    assert [recipe.steps for recipe in recipes] == [2, 3]
    assert [recipe.learning_rate for recipe in recipes] == [3e-4, 1e-3]
    late = _train(photos, "-o", tmp_path, "--learning-rate", "1e-2")
    assert late.exit_code == 0
    assert "changed" not in late.stderr


def test_edges_of_a_finished_run_are_made_and_remembered(photos: Path, tmp_path: Path) -> None:
    stages = ("--stages", "float,static", "--no-edges")
    assert _train(photos, "-o", tmp_path, *SHORT, *stages).exit_code == 0
    before = (tmp_path / "recipe.toml").read_text()
    assert _train(photos, "-o", tmp_path, "--edges", "--learning-rate", "1").exit_code == 0
    assert (tmp_path / "edges.safetensors").is_file()
    after = (tmp_path / "recipe.toml").read_text()
    assert after == before.replace("edges = false ", "edges = true  ")


def test_a_refused_command_leaves_a_run_as_it_was(photos: Path, tmp_path: Path) -> None:
    run, wrong = tmp_path / "run", tmp_path / "wrong"
    wrong.mkdir()
    Image.new("RGB", (4, 4)).save(wrong / "small.png")
    assert _train(photos, "-o", run, *SHORT).exit_code == 0
    before = {file: file.read_bytes() for file in run.iterdir() if file.is_file()}
    longer = ("-o", run, "--steps", "3")
    for arguments in ((wrong,), (photos, "--arithmetic", "float16", "--device", "cpu")):
        assert _train(*arguments, *longer).exit_code == 2
        assert {file: file.read_bytes() for file in run.iterdir() if file.is_file()} == before
    result = _train(photos, wrong, *longer)
    assert result.exit_code == 0
    assert "the photographs have changed since this run began" in result.stderr


def test_a_second_training_in_the_same_folder_is_refused(photos: Path, tmp_path: Path) -> None:
    with RunFolder(tmp_path).alone():
        result = _train(photos, "-o", tmp_path, *SHORT)
    assert result.exit_code == 1
    assert result.stderr == (
        f"error: {tmp_path}: another training is at work in this folder; wait for its end, or use"
        " a new folder\n"
    )
    assert _train(photos, "-o", tmp_path, *SHORT).exit_code == 0


def test_without_a_terminal_each_saved_state_is_a_line_unless_quiet(
    photos: Path, tmp_path: Path
) -> None:
    arguments = (*SHORT, "--stages", "float,static", "--save-every", "1")
    lines = _train(photos, "-o", tmp_path / "loud", *arguments).stderr.splitlines()
    saved = [line for line in lines if re.search(r"step \d of 2: loss [\d.]+", line)]
    assert [line.split(":")[0] for line in saved] == [
        f"{stage}, step {step} of 2" for stage in ("float", "static") for step in (1, 2)
    ]
    quiet = _train(photos, "-o", tmp_path / "quiet", *arguments, "--quiet")
    assert (quiet.exit_code, quiet.stderr) == (0, "")


def test_a_dry_run_of_a_finished_run_says_that_nothing_is_left(
    photos: Path, tmp_path: Path
) -> None:
    assert _train(photos, "-o", tmp_path, *SHORT).exit_code == 0
    result = _train(photos, "-o", tmp_path, "--dry-run")
    assert result.exit_code == 0, result.stderr
    assert "all stages are done" in result.stderr
    assert "steps of" not in result.stdout
