from __future__ import annotations

import base64
import io
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import ExifTags, Image, ImageCms
from typer.testing import CliRunner

from cadyq_cli.bitmaps.tints import scale_of
from cadyq_cli.commands.app import app
from cadyq_cli.imaging import files
from cadyq_cli.imaging.resize import imresize
from cadyq_cli.networks import Card, Network, load, save

ROOT = Path(__file__).parents[2]


class Outcome:
    """What a run of the command left behind."""

    def __init__(self, *arguments: str | Path) -> None:
        result = CliRunner().invoke(app, ["bitmap", *map(str, arguments)])
        self.exit_code, self.stdout, self.stderr = result.exit_code, result.stdout, result.stderr


def make_weights(path: Path, precision: str = "dynamic", *, first: int = 0) -> Path:
    """A small network that doubles images; a dynamic one chooses the width at index `first`."""
    torch.manual_seed(0)
    settings = {"scale": 2, "features": 4, "blocks": 2}
    network = Network(Card(backbone="edsr", settings=settings, precision=precision))
    for name, parameter in network.named_parameters():
        if name.endswith("selector.bias"):
            parameter.data[first] = 9.0
    save(path, network)
    return path


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    return make_weights(tmp_path / "tiny.safetensors")


@pytest.fixture
def photo(tmp_path: Path, rng: np.random.Generator) -> Path:
    path = tmp_path / "photo.png"
    Image.fromarray(rng.integers(0, 256, (100, 130, 3), np.uint8)).save(path)
    return path


def test_the_figure_lands_beside_the_image_and_is_described(photo: Path, weights: Path) -> None:
    outcome = Outcome(photo, "-m", weights, "-t", "96")
    assert outcome.exit_code == 0
    assert not outcome.stdout
    target = photo.with_name("photo_bits.png")
    line = rf"{re.escape(str(target))}: 4\.00 bits on average, 4 patches\n"
    assert re.fullmatch(line, outcome.stderr)
    with Image.open(target) as image:
        assert (image.mode, image.format) == ("RGB", "PNG")
        assert image.width == 130 * 8
        assert image.height > 100 * 8  # the legend


def test_the_json_draws_the_same_figure_again_without_a_network(
    photo: Path, weights: Path, tmp_path: Path
) -> None:
    first, again, numbers = (tmp_path / name for name in ("a.png", "b.png", "map.json"))
    outcome = Outcome(photo, "-m", weights, "-o", first, "--json", "--values", "-q")
    assert not outcome.stderr
    numbers.write_text(outcome.stdout)
    assert Outcome(photo, "--from", numbers, "-o", again, "--values").exit_code == 0
    assert first.read_bytes() == again.read_bytes()


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "I;16"])
@pytest.mark.parametrize("over", ["input", "output"])
def test_every_kind_of_image_gives_a_figure(
    weights: Path, tmp_path: Path, rng: np.random.Generator, mode: str, over: str
) -> None:
    image = Image.fromarray(rng.integers(0, 256, (20, 30, 4), np.uint8))
    if mode == "I;16":
        image = Image.fromarray(rng.integers(0, 65536, (20, 30), np.uint16))
    source = tmp_path / "kind.tif"
    (image if mode == "I;16" else image.convert(mode)).save(source)
    target = tmp_path / "figure.png"
    assert Outcome(source, "-m", weights, "-o", target, "--over", over).exit_code == 0
    with Image.open(target) as figure:
        assert figure.mode == "RGB"


@pytest.mark.parametrize("size", [(1, 1), (5, 3), (100, 1500), (1500, 100)])
def test_every_shape_gives_a_figure(weights: Path, tmp_path: Path, size: tuple[int, int]) -> None:
    source, target = tmp_path / "shape.png", tmp_path / "figure.png"
    Image.new("RGB", size, "teal").save(source)
    assert Outcome(source, "-m", weights, "-o", target, "--values").exit_code == 0
    with Image.open(target) as figure:
        assert max(figure.size) >= 500


def test_the_output_lies_beneath_on_request(photo: Path, weights: Path, tmp_path: Path) -> None:
    target = tmp_path / "over.png"
    options = ("--over", "output", "--opacity", "0", "--no-legend", "-o", target)
    assert Outcome(photo, "-m", weights, *options).exit_code == 0
    enlarged = tmp_path / "enlarged.png"
    upscaled = ["upscale", str(photo), "-m", str(weights), "-o", str(enlarged)]
    assert CliRunner().invoke(app, upscaled).exit_code == 0
    with Image.open(target) as figure, Image.open(enlarged) as expected:
        factor = figure.width // expected.width
        shown = np.asarray(figure)[::factor, ::factor]
        assert np.array_equal(shown, np.asarray(expected))


def test_sites_are_listed_and_shown(photo: Path, weights: Path, tmp_path: Path) -> None:
    listed = Outcome("--list-sites", "-m", weights).stdout.split()
    assert listed == ["block1.1", "block1.2", "block2.1", "block2.2"]
    for index, options in enumerate((["--site", listed[-1]], ["--sites", "all"], ["--by-layer"])):
        target = tmp_path / f"{index}.png"
        assert Outcome(photo, "-m", weights, "-o", target, *options).exit_code == 0
        assert target.exists()


def test_two_networks_are_compared(photo: Path, weights: Path, tmp_path: Path) -> None:
    other = make_weights(tmp_path / "other.safetensors", first=2)
    target = tmp_path / "both.png"
    outcome = Outcome(photo, "--compare", weights, other, "-o", target, "--json")
    assert "4.00, 8.00 bits on average" in outcome.stderr
    maps = [json.loads(line) for line in outcome.stdout.splitlines()]
    assert [each["model"]["name"] for each in maps] == ["tiny", "other"]
    with Image.open(target) as image:
        assert image.width > 3 * 130 * 8


def test_networks_that_see_differently_far_are_compared_patch_by_patch(
    photo: Path, weights: Path, tmp_path: Path
) -> None:
    other, target = tmp_path / "other.safetensors", tmp_path / "both.png"
    settings = {"scale": 2, "features": 4, "blocks": 9}
    save(other, Network(Card(backbone="edsr", settings=settings, precision="dynamic")))
    assert load(other).reach > load(weights).reach
    outcome = Outcome(photo, "--compare", weights, other, "-t", "64", "-o", target, "--json")
    assert outcome.exit_code == 0, outcome.stderr
    first, second = (json.loads(line) for line in outcome.stdout.splitlines())
    alone = json.loads(Outcome(photo, "-m", other, "-t", "64", "--json").stdout)
    for each in (first, second):
        assert [patch["rectangle"] for patch in each["patches"]] == [
            patch["rectangle"] for patch in alone["patches"]
        ]


def test_a_single_width_has_the_colour_that_it_has_among_others() -> None:
    among = scale_of((2, 3, 4, 5, 6, 7, 8), "fjord")
    for width in (4, 8):
        alone = scale_of((width,), "fjord")
        value = np.array([width])
        np.testing.assert_array_equal(alone.colours(value), among.colours(value))
        assert alone.ticks == (width,)


def test_a_page_and_arrays_are_written(photo: Path, weights: Path, tmp_path: Path) -> None:
    target = tmp_path / "report.html"
    assert Outcome(photo, "-m", weights, "-t", "96", "-o", target, "--npz").exit_code == 0
    assert target.read_text().startswith("<!doctype html>")
    assert np.load(tmp_path / "report.npz")["bits"].shape == (4, 4)


def test_a_folder_is_done_although_one_image_is_broken(
    photo: Path, weights: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "in"
    (folder / "deep").mkdir(parents=True)
    for name in ("a.png", "deep/b.png"):
        (folder / name).write_bytes(photo.read_bytes())
    (folder / "broken.png").write_text("no image")
    out = tmp_path / "out"
    outcome = Outcome(folder, "-r", "-m", weights, "-o", out, "-f", "html")
    assert outcome.exit_code == 1
    assert "broken.png" in outcome.stderr
    assert "2 done, 0 skipped, 1 failed" in outcome.stderr
    pages = {str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()}
    assert pages == {"a_bits.html", "deep/b_bits.html"}

    (out / "a_bits.html").unlink()
    again = Outcome(folder, "-r", "-m", weights, "-o", out, "-f", "html", "--skip-existing")
    assert "a_bits.html: " in again.stderr
    assert "b_bits.html" not in again.stderr


def test_an_existing_file_is_replaced_only_on_request(photo: Path, weights: Path) -> None:
    for name in ("photo_bits.png", "photo_bits.npz"):
        target = photo.with_name(name)
        target.write_text("precious")
        refused = Outcome(photo, "-m", weights, "--npz")
        assert refused.exit_code == 1
        assert refused.stderr == f"error: {target}: exists already; --overwrite replaces it\n"
        assert target.read_text() == "precious"
        target.unlink()
    photo.with_name("photo_bits.png").write_text("worthless")
    assert Outcome(photo, "-m", weights, "--overwrite").exit_code == 0


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["IN", "--site", "nowhere", "-m", "WEIGHTS"],
        ["IN", "--site", "block1.1", "--by-layer", "-m", "WEIGHTS"],
        ["IN", "--opacity", "2"],
        ["IN", "--palette", "rainbow"],
        ["IN", "--finer", "0"],
        ["IN", "--overwrite", "--skip-existing"],
        ["IN", "--from", "map.json", "--over", "output"],
        ["IN", "--compare", "WEIGHTS", "WEIGHTS"],
        ["IN", "--compare", "WEIGHTS", "TWIN", "-o", "a.html"],
        ["IN", "-m", "WEIGHTS", "-n", "edsr"],
        ["IN", "-m", "WEIGHTS", "-f", "html", "-o", "a.png"],
        ["IN", "-m", "WEIGHTS", "-f", "png", "-o", "a.html"],
        ["IN", "TWIN", "-m", "WEIGHTS", "-o", "a.html"],
        ["IN", "-m", "WEIGHTS", "-o", "a.xyz"],
        ["IN", "-m", "FLOAT"],
        ["IN", "IN2", "--from", "map.json"],
    ],
    ids=" ".join,
)
def test_wrong_usage_is_exit_code_2(
    photo: Path, weights: Path, tmp_path: Path, arguments: list[str]
) -> None:
    places = {
        "IN": str(photo),
        "WEIGHTS": str(weights),
        "TWIN": str(shutil.copy(weights, tmp_path / "twin.safetensors")),
        "FLOAT": str(make_weights(tmp_path / "float.safetensors", "float")),
        "IN2": str(shutil.copy(photo, tmp_path / "photo2.png")),
    }
    outcome = Outcome(*(places.get(argument, argument) for argument in arguments))
    assert outcome.exit_code == 2
    assert "rror" in outcome.stderr
    assert not list(tmp_path.glob("*_bits*"))


@pytest.mark.parametrize(
    "options",
    [
        ["--compare", "edsr", "carn", "--list-sites"],
        ["--compare", "edsr", "carn", "--npz"],
        ["--compare", "edsr", "carn", "--model", "span"],
        ["--compare", "edsr", "carn", "--weights", "c"],
        ["--compare", "edsr", "carn", "-o", "page.html"],
        ["--from", "map.json", "--list-sites"],
        ["--from", "map.json", "--model", "carn"],
        ["--from", "map.json", "--tile", "3"],
        ["--from", "map.json", "--engine", "float"],
        ["--by-layer", "--over", "output"],
        ["--by-layer", "--stretch"],
        ["--by-layer", "-f", "html"],
        ["--sites", "all", "-o", "page.html"],
        ["--site", "a", "--sites", "all"],
    ],
    ids=" ".join,
)
def test_options_of_which_one_would_be_ignored_are_refused_in_a_line(
    photo: Path, options: list[str]
) -> None:
    outcome = Outcome(photo, *options)
    assert (outcome.exit_code, outcome.stdout) == (2, "")
    assert re.fullmatch(r"error: .+\n", outcome.stderr)
    assert options[0] in outcome.stderr


@pytest.mark.parametrize("content", [None, "", "{}", '{"schema": "cadyq.bitmap/1"}'])
def test_numbers_that_are_no_map_are_one_line_and_exit_code_1(
    photo: Path, tmp_path: Path, content: str | None
) -> None:
    numbers = tmp_path / "map.json"
    if content is not None:
        numbers.write_text(content)
    outcome = Outcome(photo, "--from", numbers)
    assert outcome.exit_code == 1
    assert re.fullmatch(rf"error: {re.escape(str(numbers))}: .+\n", outcome.stderr)


def test_the_help_begins_with_examples_and_names_every_group_of_options() -> None:
    help_text = CliRunner().invoke(app, ["bitmap", "--help"]).stdout
    places = [help_text.index(f" {word} ") for word in ("Output", "Figure", "Model", "Running")]
    assert help_text.index("Examples") < min(places)


def test_upscale_draws_the_same_map_without_a_second_pass(
    photo: Path, weights: Path, tmp_path: Path
) -> None:
    ours, theirs, large = (tmp_path / name for name in ("ours.png", "theirs.png", "large.png"))
    assert Outcome(photo, "-m", weights, "-o", ours).exit_code == 0
    line = ["upscale", photo, "-m", weights, "-o", large, "-s", "3", "--bit-map", theirs]
    arguments = [str(word) for word in line]
    assert CliRunner().invoke(app, arguments).exit_code == 0
    assert ours.read_bytes() == theirs.read_bytes()
    large.unlink()
    refused = CliRunner().invoke(app, arguments)
    assert refused.exit_code == 1
    assert refused.stderr == f"error: {theirs}: exists already; --overwrite replaces it\n"
    astray = theirs.with_name("no") / "map.png"
    refused = CliRunner().invoke(app, [*arguments[:-1], str(astray)])
    assert refused.exit_code == 1
    assert refused.stderr == f"error: {astray}: there is no folder {astray.parent}\n"
    assert not large.exists()


def test_a_map_of_many_images_or_of_a_float_network_is_refused(
    photo: Path, weights: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.png"
    other.write_bytes(photo.read_bytes())
    plain = make_weights(tmp_path / "float.safetensors", "float")
    for sources, network in (([photo, other], weights), ([photo], plain)):
        line = ["upscale", *sources, "-m", network, "--bit-map", tmp_path / "map.png"]
        assert CliRunner().invoke(app, [str(word) for word in line]).exit_code == 2
        assert not list(tmp_path.glob("*_x2*"))


@pytest.mark.parametrize(
    "arguments",
    [
        ["missing.png"],
        ["broken.png", "-m", "WEIGHTS"],
        ["IN", "-o", "IN"],
        ["IN", "-o", "no/folder.png"],
        ["IN", "-o", "FOLDER"],
        ["IN", "-o", "broken.png"],
        ["IN", "-o", f"{'x' * 300}.png", "-m", "WEIGHTS"],
        ["IN", "--opacity", "2"],
        ["IN", "-m", "FLOAT"],
        ["IN", "-m", "WEIGHTS", "-s", "3"],
        ["IN", "-n", "nosuch"],
        ["IN", "--compare", "WEIGHTS", "WEIGHTS"],
    ],
    ids=lambda arguments: " ".join(arguments)[:40],
)
def test_what_is_wrong_is_told_in_a_line_before_torch_is_loaded(
    photo: Path, weights: Path, tmp_path: Path, arguments: list[str]
) -> None:
    (tmp_path / "broken.png").write_text("no image")
    (tmp_path / "folder.png").mkdir()
    places = {
        "IN": photo.name,
        "FOLDER": "folder.png/",
        "WEIGHTS": weights.name,
        "FLOAT": make_weights(tmp_path / "float.safetensors", "float").name,
    }
    line = ["bitmap", *(places.get(argument, argument) for argument in arguments)]
    if "FOLDER" in arguments:  # of which the figure's place is a folder, too
        (tmp_path / "folder.png" / "photo_bits.png").mkdir()
    script = (
        "import sys\nfrom cadyq_cli.commands.app import app\n"
        "try: app(sys.argv[1:])\nfinally: print('torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *line],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (1, 2)
    assert re.fullmatch(r"error: .+\n", done.stderr)
    assert done.stdout == "False\n"


def test_an_unknown_site_is_noticed_before_any_patch_is_run(photo: Path, weights: Path) -> None:
    outcome = Outcome(photo, "-m", weights, "--site", "nowhere", "-o", photo.with_name("x.png"))
    assert outcome.exit_code == 2
    assert outcome.stderr == ("error: no site 'nowhere' in tiny; --list-sites names them all\n")


def test_figures_and_pages_keep_the_colour_profile(
    photo: Path, weights: Path, tmp_path: Path
) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    with Image.open(photo) as image:
        image.save(photo, icc_profile=profile)
    for name in ("a.png", "a.jpg", "a.html"):
        target = tmp_path / name
        assert Outcome(photo, "-m", weights, "-o", target).exit_code == 0
        if name.endswith("html"):
            embedded = re.search(r"data:image/jpeg;base64,([^\"]+)", target.read_text())
            assert embedded
            file: Path | io.BytesIO = io.BytesIO(base64.b64decode(embedded[1]))
        else:
            file = target
        with Image.open(file) as figure:
            assert figure.info["icc_profile"] == profile


def test_a_turned_photograph_is_shown_upright(weights: Path, tmp_path: Path) -> None:
    source, target = tmp_path / "turned.jpg", tmp_path / "figure.png"
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6  # turn by a quarter to the right
    Image.new("RGB", (60, 30), "teal").save(source, exif=exif)
    outcome = Outcome(source, "-m", weights, "-o", target, "--no-legend", "--json")
    assert json.loads(outcome.stdout)["image"] == {
        "file": str(source),
        "width": 30,
        "height": 60,
    }
    with Image.open(target) as figure:
        assert figure.height == 2 * figure.width
        assert figure.getexif() == {}


@pytest.mark.parametrize("jobs", ["0", "1", "3"])
def test_several_images_at_a_time_give_what_each_gives_alone(
    weights: Path, tmp_path: Path, jobs: str, rng: np.random.Generator
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for index in range(4):
        noise = rng.integers(0, 256, (50 + 30 * index, 60, 3), np.uint8)
        Image.fromarray(noise).save(folder / f"{index}.png")
    outcome = Outcome(folder, "-m", weights, "-o", tmp_path / "out", "-j", jobs, "--json")
    assert outcome.exit_code == 0
    assert "4 done" in outcome.stderr
    maps = {
        Path(each["image"]["file"]).name: each
        for each in map(json.loads, outcome.stdout.splitlines())
    }
    assert {name: each["image"]["height"] for name, each in maps.items()} == {
        f"{index}.png": 50 + 30 * index for index in range(4)
    }
    alone = Outcome(folder / "3.png", "-m", weights, "-o", tmp_path / "alone.png", "--json")
    assert json.loads(alone.stdout) == maps["3.png"]
    assert (tmp_path / "alone.png").read_bytes() == (tmp_path / "out/3_bits.png").read_bytes()


def test_streams_are_read_and_written(photo: Path, weights: Path, tmp_path: Path) -> None:
    target = tmp_path / "figure.png"
    assert Outcome(photo, "-m", weights, "-o", target).exit_code == 0
    line = ["bitmap", "-", "-m", str(weights), "-o", "-"]
    piped = CliRunner().invoke(app, line, input=photo.read_bytes())
    assert piped.exit_code == 0
    assert piped.stdout_bytes == target.read_bytes()
    page = CliRunner().invoke(app, [*line, "-f", "html"], input=photo.read_bytes())
    assert page.stdout_bytes.startswith(b"<!doctype html>")


def test_a_file_called_as_a_stream_is_not_taken_for_its_result(
    photo: Path, weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("-").touch()
    line = ["bitmap", "-", "-m", str(weights), "--skip-existing"]
    piped = CliRunner().invoke(app, line, input=photo.read_bytes())
    assert piped.exit_code == 0
    with Image.open(io.BytesIO(piped.stdout_bytes)) as figure:
        assert figure.format == "PNG"


def test_a_broken_image_leaves_no_folder_for_its_figure(weights: Path, tmp_path: Path) -> None:
    source, out = tmp_path / "broken.png", tmp_path / "out"
    source.write_text("no image")
    assert Outcome(source, "-m", weights, "-o", f"{out}/").exit_code == 1
    assert not out.exists()


def test_the_numbers_are_those_that_eval_reports(
    weights: Path, tmp_path: Path, rng: np.random.Generator
) -> None:
    """On the small image that eval makes of the large one, by the same patches."""
    torch.manual_seed(0)
    large = rng.normal(128, np.linspace(0, 90, 460)[None, :, None], (260, 460, 3))
    (tmp_path / "set").mkdir()
    Image.fromarray(large.clip(0, 255).astype(np.uint8)).save(tmp_path / "set/a.png")
    network = load(weights)
    for name, parameter in network.named_parameters():  # the more gradient, the more bits
        if name.endswith("selector.weight"):
            parameter.data[:] = torch.tensor([-1.0, 0.0, 1.0])[:, None]
        elif name.endswith("selector.bias"):
            parameter.data[:] = torch.tensor([60.0, 20.0, -60.0])
    save(weights, network)
    small = imresize(files.read(tmp_path / "set/a.png").pixels, 1 / 2)
    Image.fromarray(small).save(tmp_path / "small.png")
    line = ["eval", str(weights), "-d", str(tmp_path / "set"), "--json"]
    cut = ["--patch", "147", "--step", "83"]  # 230 px in two patches that share 64 px
    report = CliRunner().invoke(app, [*line, *cut])
    assert report.exit_code == 0, report.stderr
    shown = Outcome(tmp_path / "small.png", "-m", weights, "-t", "160", "--json")
    found = json.loads(shown.stdout)["average_bits"]
    assert 4 < found < 8
    reported = re.search(r'"average_bits": ([\d.]+)', report.stdout)
    assert reported
    assert float(reported[1]) == pytest.approx(found)
