from __future__ import annotations

import csv
import json
import os
import re
import shutil
import sys
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from tiny_networks import tiny
from typer.testing import CliRunner, Result

from cadyq_cli.commands.app import app
from cadyq_cli.errors import ImageError
from cadyq_cli.evaluation.metrics import psnr_y
from cadyq_cli.imaging.resize import crop_to_multiple, imresize
from cadyq_cli.networks import load, save
from cadyq_cli.upscaling import upscale


@pytest.fixture
def images(tmp_path: Path, rng: np.random.Generator) -> Path:
    """A test set of three images."""
    folder = tmp_path / "Three"
    folder.mkdir()
    for name, size in (("a", (48, 40)), ("b", (33, 57)), ("c", (64, 64))):
        pixels = rng.integers(0, 256, (*size, 3), np.uint8)
        pixels[:, : size[1] // 2] //= 16
        Image.fromarray(pixels).save(folder / f"{name}.png")
    return folder


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A small network that doubles images."""
    path = tmp_path / "tiny.safetensors"
    save(path, tiny("edsr", 2))
    return path


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["eval", *map(str, arguments)])


def test_the_table_has_a_row_for_each_model_and_says_what_it_means(
    images: Path, weights: Path
) -> None:
    result = run("bicubic", weights, "-d", images)
    assert result.exit_code == 0
    assert re.search(r"^bicubic +Three +\d+\.\d\d +0\.\d{4} +- ", result.stdout, re.MULTILINE)
    assert "32·32·F + W·A·Q" in result.stderr
    assert run("bicubic", "-d", images, "-s", "2", "-q").stderr == ""


def test_a_name_stays_in_one_piece_where_no_terminal_bounds_the_table(
    images: Path, weights: Path
) -> None:
    name = "edsr-of-mine-with-selectors-that-see-logarithms-at-5.2-bit-third-attempt-x2"
    renamed = weights.rename(weights.with_stem(name))
    row = rf"^{re.escape(str(renamed))} +Three "
    assert re.search(row, run(renamed, "-d", images).stdout, re.MULTILINE)


def test_the_scale_is_that_of_the_models(images: Path, weights: Path) -> None:
    protocol = json.loads(run("bicubic", weights, "-d", images, "--json").stdout)["protocol"]
    assert (protocol["scale"], protocol["border"]) == (2, 2)
    assert protocol["small_images"] == {"Three": "made"}
    wrong = run(weights, "-d", images, "-s", "3")
    assert wrong.exit_code == 2
    assert "enlarges 2 times, not 3" in wrong.stderr


def test_json_tells_each_image_and_how_it_was_cut(images: Path, weights: Path) -> None:
    arguments = [weights, "-d", images, "--patch", "16", "--json", "--per-image"]
    found = json.loads(run(*arguments).stdout)
    assert found["protocol"]["patch"] == 16
    assert found["protocol"]["step"] == 10
    (result,) = found["results"]
    assert [image["dataset"] for image in result["per_image"]] == ["Three/a", "Three/b", "Three/c"]
    patches = [sum(i["widths"]["block1.1"].values()) for i in result["per_image"]]
    assert patches == [2 * 2, 1 * 3, 3 * 3]
    mean = np.mean([image["average_bits"] for image in result["per_image"]])
    assert result["average_bits"] == pytest.approx(mean)


@pytest.mark.parametrize("jobs", ["1", "3"])
def test_the_result_does_not_depend_on_how_many_images_are_done_at_a_time(
    images: Path, weights: Path, jobs: str
) -> None:
    arguments = [weights, "bicubic", "-d", images, "-p", "16", "--json", "--per-image"]
    assert run(*arguments, "-j", jobs).stdout == run(*arguments).stdout


def test_csv_and_markdown_list_images_on_request(images: Path) -> None:
    lines = run("bicubic", "bicubic-luma", "-d", images, "--csv", "--per-image").stdout
    rows = [*csv.DictReader(lines.splitlines())]
    assert [row["model"] for row in rows] == ["bicubic"] * 3 + ["bicubic-luma"] * 3
    assert [row["dataset"] for row in rows[:3]] == ["Three/a", "Three/b", "Three/c"]
    assert "FAB" in run("bicubic", "-d", images, "--markdown").stdout
    table = run("bicubic", "-d", images, "--markdown", "-q").stdout
    assert [line[:10] for line in table.splitlines()] == ["| Model | ", "| --- | --", "| bicubic "]


def test_the_histogram_names_sites_and_widths(images: Path, weights: Path) -> None:
    text = run(weights, "-d", images, "--histogram").stdout
    assert "block2.2" in text
    assert re.search(r"\d bits", text)


def test_two_folders_of_one_name_are_told_apart(images: Path, tmp_path: Path) -> None:
    twin = tmp_path / "other" / "Three"
    shutil.copytree(images, twin)
    lines = run("bicubic", "-d", images, "-d", twin, "--csv").stdout.splitlines()
    assert [row["dataset"] for row in csv.DictReader(lines)] == [str(images), str(twin)]


def test_rgb_border_and_rounding_change_the_figures(images: Path) -> None:
    base = ["bicubic", "-d", images, "--csv"]
    options: list[list[str]] = [[], ["--rgb"], ["--border", "0"], ["--whole-luma"]]
    assert len({run(*base, *extra).stdout for extra in options}) == len(options)


def test_pairs_are_taken_from_the_folder_that_is_named(images: Path, tmp_path: Path) -> None:
    (tmp_path / "black").mkdir()
    for name, size in (("a", (10, 12)), ("b", (14, 8)), ("c", (16, 16))):
        Image.new("RGB", size).save(tmp_path / "black" / f"{name}x4.png")
    base = ["bicubic", "-d", images, "--csv", "--per-image"]
    made, given = (
        [float(row["psnr_db"]) for row in csv.DictReader(run(*base, *lr).stdout.splitlines())]
        for lr in ([], ["--lr", tmp_path / "black"])
    )
    assert all(better > worse for better, worse in zip(made, given, strict=True))


def test_the_authors_state_dicts_are_read_from_safetensors_too(
    images: Path, tmp_path: Path
) -> None:
    """A float EDSR under the usual names; so small that it does nearly nothing."""
    n = 4
    shapes = {"head.0": (n, 3), "body.0.body.0": (n, n), "body.0.body.2": (n, n)}
    shapes |= {"body.1": (n, n), "tail.0.0": (4 * n, n), "tail.1": (3, n)}
    state = {}
    for name, (outputs, inputs) in shapes.items():
        state[f"{name}.weight"] = torch.zeros(outputs, inputs, 3, 3)
        state[f"{name}.bias"] = torch.zeros(outputs)
    path = tmp_path / "edsr.safetensors"
    save_file(state, path)
    result = run(path, "--official", "edsr", "-s", "2", "-d", images, "--json")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["results"][0]["average_bits"] == 32
    as_community_file = run(path, "-d", images, "--json")
    assert as_community_file.exit_code == 0, as_community_file.stderr
    path.write_bytes(b"rubbish")
    damaged = run(path, "--official", "edsr", "-s", "2", "-d", images)
    assert damaged.exit_code == 3
    assert damaged.stderr.startswith(f"error: {path}: ")


def test_a_plot_is_drawn_and_not_overwritten(images: Path, weights: Path, tmp_path: Path) -> None:
    plot = tmp_path / "plot.png"
    assert run(weights, "-d", images, "--plot", plot).exit_code == 0
    with Image.open(plot) as drawn:
        assert drawn.format == "PNG"
    again = run(weights, "-d", images, "--plot", plot)
    assert again.exit_code == 1
    assert again.stderr == f"error: {plot}: exists already; --overwrite replaces it\n"
    assert run(weights, "-d", images, "--plot", plot, "--overwrite").exit_code == 0


def test_a_plot_that_cannot_be_written_costs_no_results(
    images: Path, weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise ImageError("plot.png", "cannot be written: No space left on device")

    monkeypatch.setattr("cadyq_cli.evaluation.plot.write", full)
    result = run(weights, "-d", images, "--plot", tmp_path / "plot.png", "--csv")
    assert result.exit_code == 1
    assert len(result.stdout.splitlines()) == 2


def test_what_is_wrong_with_the_images_is_one_line_and_exit_code_1(
    images: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    (images / "notes.png").write_text("not an image")
    for folder, culprit in (
        (tmp_path / "empty", tmp_path / "empty"),
        (tmp_path / "missing", tmp_path / "missing"),
        (images, images / "notes.png"),
    ):
        result = run("bicubic", "-d", folder)
        assert result.exit_code == 1
        assert not result.stdout
        assert re.fullmatch(rf"error: {re.escape(str(culprit))}: .+\n", result.stderr)


@pytest.mark.parametrize(
    "arguments",
    [
        ["bicubic"],
        ["bicubic", "-d", "DIR", "--json", "--csv"],
        ["bicubic", "-d", "DIR", "--step", "9"],
        ["bicubic", "-d", "DIR", "--official-patches"],
        ["bicubic", "-d", "DIR", "--patch", "8", "--step", "9"],
        ["bicubic", "-d", "DIR", "-d", "DIR", "--lr", "DIR"],
        ["bicubic", "-d", "DIR", "--plot", "plot.xyz"],
        ["bicubic", "-d", "DIR", "--plot", "plot.png"],
        ["bicubic", "-d", "DIR", "--self-ensemble"],
        ["bicubic", "-d", "DIR", "--csv", "--histogram"],
        ["bicubic", "-d", "DIR", "--scale", "5"],
        ["no-such-model", "-d", "DIR"],
        ["WEIGHTS", "-d", "DIR", "--device", "cuda:99"],
    ],
    ids=" ".join,
)
def test_wrong_usage_is_exit_code_2(images: Path, weights: Path, arguments: list[str]) -> None:
    places = {"DIR": str(images), "WEIGHTS": str(weights)}
    result = run(*(places.get(argument, argument) for argument in arguments))
    assert result.exit_code == 2
    assert not result.stdout
    assert "rror" in result.stderr


def test_the_help_begins_with_examples_and_names_every_group_of_options() -> None:
    text = run("--help").stdout
    places = [text.index(word) for word in ("Examples", "Images", "Protocol", "Output", "Running")]
    assert places == sorted(places)


@pytest.mark.skipif(sys.platform in ("darwin", "win32"), reason="file names there are Unicode")
@pytest.mark.parametrize("form", ["--csv", "--markdown", "--per-image"])
def test_names_that_are_not_utf_8_are_shown_as_escapes(images: Path, form: str) -> None:
    (images / "a.png").rename(images / os.fsdecode(b"caf\xe9.png"))
    result = run("bicubic", "-d", images, "-s", 2, "--per-image", form)
    assert result.exit_code == 0
    assert "caf\\xe9" in result.stdout or "caf\\udce9" in result.stdout


def test_degraded_images_are_the_same_again_and_bicubic_is_measured_beside(
    images: Path, weights: Path
) -> None:
    first, again = (_each_psnr(weights, "-d", images, "--degrade", "photo") for _ in range(2))
    assert list(first) == ["bicubic", str(weights)]
    assert first == again


def test_a_degraded_image_is_the_small_one_after_pillows_jpeg(images: Path) -> None:
    found = _each_psnr("bicubic", "-s", 2, "-d", images, "--degrade", "jpeg75")["bicubic"]
    for each in images.iterdir():
        truth = crop_to_multiple(np.asarray(Image.open(each)), 2)
        file = BytesIO()
        Image.fromarray(imresize(truth, 0.5)).save(file, "JPEG", quality=75, subsampling=2)
        enlarged = imresize(np.asarray(Image.open(file)), 2)
        assert found[f"Three/{each.stem}"] == pytest.approx(psnr_y(enlarged, truth, border=2))


def _each_psnr(*arguments: object) -> dict[str, dict[str, float]]:
    """Of each model, the PSNR of each image."""
    result = run(*arguments, "--json", "--per-image")
    assert result.exit_code == 0, result.stderr
    return {
        entry["model"]: {one["dataset"]: one["psnr"] for one in entry["per_image"]}
        for entry in json.loads(result.stdout)["results"]
    }


def test_what_was_degraded_is_told(images: Path) -> None:
    result = run("bicubic", "-s", 2, "-d", images, "--degrade", "graynoise5-jpeg60-webp50")
    words = "gray noise of 5, JPEG of quality 60 (4:2:0) before, WebP of quality 50."
    assert f"Small images had: {words}" in result.stderr


def test_a_self_ensemble_is_measured_as_upscale_makes_it(images: Path, weights: Path) -> None:
    found = _each_psnr("bicubic", weights, "-d", images, "--self-ensemble")
    assert list(found) == ["bicubic", f"{weights}+"]
    assert found["bicubic"] == _each_psnr("bicubic", "-s", 2, "-d", images)["bicubic"]
    for each in images.iterdir():
        truth = crop_to_multiple(np.asarray(Image.open(each)), 2)
        views = upscale(load(weights), imresize(truth, 0.5), self_ensemble=True)
        expected = psnr_y(views.pixels, truth, border=2)
        assert found[f"{weights}+"][f"Three/{each.stem}"] == pytest.approx(expected, abs=0.02)


def test_a_self_ensemble_is_told_in_every_form(images: Path, weights: Path, tmp_path: Path) -> None:
    base = [weights, "-d", images, "--self-ensemble"]
    plain, told = (json.loads(run(*arguments, "--json").stdout) for arguments in (base[:-1], base))
    assert (plain["protocol"]["self_ensemble"], told["protocol"]["self_ensemble"]) == (False, True)
    (once,), (eight,) = plain["results"], told["results"]
    macs = [sum(each["macs_1280x720"].values()) for each in (once, eight)]
    assert macs[1] == 8 * macs[0]
    assert eight["weight_bytes"] == once["weight_bytes"]
    patches = [sum(each["widths"]["block1.1"].values()) for each in (once, eight)]
    assert patches == [3, 8 * 3]  # each view has widths of its own
    name = re.escape(f"{weights}+")
    table = run(*base, "--plot", tmp_path / "plot.png")
    assert re.search(rf"^{name} +Three ", table.stdout, re.MULTILINE)
    assert "+: the mean over eight orientations" in table.stderr
    assert (tmp_path / "plot.png").exists()
    for form in ("--csv", "--markdown"):
        assert f"{weights}+" in run(*base, form).stdout


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--degrade", "rain"], "rain: give photo"),
        (["--degrade", "jpeg101"], "two numbers from 1 to 100"),
        (["bicubic-luma", "--degrade", "jpeg75"], "bicubic-luma does not see"),
    ],
)
def test_what_cannot_be_degraded_is_a_usage_error(
    images: Path, arguments: list[str], reason: str
) -> None:
    result = run(*arguments, "-d", images)
    assert result.exit_code == 2
    assert reason in " ".join(result.stderr.split())
