from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageCms
from tiny_networks import tiny
from typer.testing import CliRunner

from cadyq_cli.commands.app import app
from cadyq_cli.engine.native.library import ISA_VARIABLE
from cadyq_cli.networks import Card, Network, save


class Outcome:
    """What a run of the command left behind."""

    def __init__(self, *arguments: str | Path) -> None:
        result = CliRunner().invoke(app, ["upscale", *map(str, arguments)])
        self.exit_code, self.stdout, self.stderr = result.exit_code, result.stdout, result.stderr


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A small network that doubles images."""
    torch.manual_seed(0)
    settings = {"scale": 2, "features": 4, "blocks": 1}
    path = tmp_path / "tiny.safetensors"
    save(path, Network(Card(backbone="edsr", settings=settings, precision="dynamic")))
    return path


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    pixels = np.random.default_rng(0).integers(0, 256, (9, 13, 3), np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def test_the_result_lands_beside_the_input_and_is_described(photo: Path, weights: Path) -> None:
    outcome = Outcome(photo, "-m", weights)
    assert outcome.exit_code == 0
    assert not outcome.stdout
    target = photo.with_name("photo_x2.png")
    line = rf"{re.escape(str(target))}: 26 x 18, 8\.00 bits on average, \d+\.\d s\n"
    assert re.fullmatch(line, outcome.stderr)
    with Image.open(target) as image:
        assert (image.size, image.mode, image.format) == ((26, 18), "RGB", "PNG")


@pytest.mark.parametrize("suffix", ["jpg", "webp", "png"])
def test_the_format_follows_the_name(
    photo: Path, weights: Path, tmp_path: Path, suffix: str
) -> None:
    target = tmp_path / f"out.{suffix}"
    assert Outcome(photo, "-m", weights, "-o", target).exit_code == 0
    with Image.open(target) as image:
        assert image.format == {"jpg": "JPEG", "webp": "WEBP", "png": "PNG"}[suffix]
        assert image.size == (26, 18)


def test_a_folder_as_output_receives_the_default_name(
    photo: Path, weights: Path, tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()
    assert Outcome(photo, "-m", weights, "-o", tmp_path / "out").exit_code == 0
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["photo_x2.png"]


@pytest.mark.parametrize(("name", "scale"), [("edsr-x2", 2), ("edsr", 4), ("carn-x3", 3)])
def test_a_network_may_be_named_with_its_scale(
    photo: Path, tmp_path: Path, name: str, scale: int
) -> None:
    target = tmp_path / "large.png"
    assert Outcome(photo, "-n", name, "-o", target).exit_code == 0
    with Image.open(photo) as small, Image.open(target) as large:
        assert large.size == (scale * small.width, scale * small.height)


def test_bits_that_a_format_does_not_hold_are_told(weights: Path, tmp_path: Path) -> None:
    source = tmp_path / "fine.png"
    Image.fromarray(np.full((5, 6), 40000, np.uint16)).save(source)
    note = f"note: {source} has 16 bits a channel, WebP 8; PNG keeps all\n"
    assert note in Outcome(source, "-m", weights, "-o", tmp_path / "a.webp").stderr
    assert note not in Outcome(source, "-m", weights, "-o", tmp_path / "a.png").stderr


def test_a_profile_that_a_format_does_not_hold_is_told(weights: Path, tmp_path: Path) -> None:
    source, profile = tmp_path / "a.png", ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    Image.new("RGB", (5, 6), "red").save(source, icc_profile=profile.tobytes())
    note = f"note: {source} has a colour profile, which BMP cannot hold; PNG can\n"
    assert note in Outcome(source, "-m", weights, "-o", tmp_path / "out.bmp").stderr
    assert note not in Outcome(source, "-m", weights, "-o", tmp_path / "out.png").stderr


@pytest.mark.parametrize("stream", ["<&-", ">&-", "2>&-"])
def test_a_closed_standard_stream_stops_nothing(
    photo: Path, weights: Path, tmp_path: Path, stream: str
) -> None:
    target = tmp_path / "out.png"
    command = [sys.executable, "-m", "cadyq_cli", "upscale", str(photo), "-m", str(weights)]
    done = subprocess.run(
        ["sh", "-c", f'"$@" {stream}', "sh", *command, "-o", str(target)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0
    assert "Traceback" not in done.stderr
    assert target.is_file()


@pytest.mark.parametrize("arguments", [[""], ["photo.png", "-o", ""], ["-i", ""]])
def test_an_empty_name_is_not_the_folder_one_stands_in(arguments: list[str]) -> None:
    result = Outcome(*arguments)
    assert result.exit_code == 2
    assert "a name is missing" in result.stderr


def test_quiet_is_silent_and_verbose_tells_more(photo: Path, weights: Path) -> None:
    assert Outcome(photo, "-m", weights, "-q").stderr == ""
    verbose = Outcome(photo, "-m", weights, "-v", "--overwrite").stderr
    assert "13 x 9 px enlarged 2 times by tiny\n" in verbose


def test_an_existing_file_is_replaced_only_on_request(photo: Path, weights: Path) -> None:
    target = photo.with_name("photo_x2.png")
    target.write_text("precious")
    refused = Outcome(photo, "-m", weights)
    assert refused.exit_code == 1
    assert refused.stderr == f"error: {target}: exists already; --overwrite replaces it\n"
    assert target.read_text() == "precious"
    assert Outcome(photo, "-m", weights, "--overwrite").exit_code == 0
    with Image.open(target) as image:
        assert image.size == (26, 18)


def test_the_input_is_never_replaced(photo: Path, weights: Path, tmp_path: Path) -> None:
    before = photo.read_bytes()
    link = tmp_path / "link.png"
    link.symlink_to(photo)
    for target in (photo, link):
        outcome = Outcome(photo, "-m", weights, "-o", target, "--overwrite")
        assert outcome.exit_code == 1
        assert "is the input" in outcome.stderr
    assert photo.read_bytes() == before


def png(size: tuple[int, int] = (40, 40)) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(1).integers(0, 256, (*size, 3), np.uint8)).save(
        buffer, "PNG"
    )
    return buffer.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"just text",
        png()[:8],
        png()[:1000],
        b"\xff\xd8\xff\xe0",
        b"RIFF\0\0\0\0WEBP",
        b"II*\0",
    ],
    ids=["empty", "text", "PNG head", "half a PNG", "JPEG head", "WebP head", "TIFF head"],
)
def test_a_broken_image_is_one_line_and_exit_code_1(
    tmp_path: Path, weights: Path, content: bytes
) -> None:
    image = tmp_path / "a.png"
    image.write_bytes(content)
    outcome = Outcome(image, "-m", weights)
    assert outcome.exit_code == 1
    assert re.fullmatch(rf"error: {re.escape(str(image))}: .+\n", outcome.stderr)
    assert sorted(tmp_path.iterdir()) == [image, weights]


def test_a_missing_image_and_a_folder_are_one_line_and_exit_code_1(
    tmp_path: Path, weights: Path
) -> None:
    for image in (tmp_path / "missing.png", tmp_path):
        outcome = Outcome(image, "-m", weights)
        assert outcome.exit_code == 1
        assert re.fullmatch(rf"error: {re.escape(str(image))}: .+\n", outcome.stderr)


def test_a_missing_output_folder_is_named_and_not_made(
    photo: Path, weights: Path, tmp_path: Path
) -> None:
    outcome = Outcome(photo, "-m", weights, "-o", tmp_path / "no" / "out.png")
    assert outcome.exit_code == 1
    assert outcome.stderr.endswith(f"there is no folder {tmp_path / 'no'}\n")
    assert not (tmp_path / "no").exists()


@pytest.mark.parametrize("content", [None, b"", b"rubbish", b"\x08\0\0\0\0\0\0\0{}      "])
def test_unusable_weights_are_one_line_and_exit_code_3(
    photo: Path, tmp_path: Path, content: bytes | None
) -> None:
    weights = tmp_path / "w.safetensors"
    if content is not None:
        weights.write_bytes(content)
    outcome = Outcome(photo, "-m", weights)
    assert outcome.exit_code == 3
    assert re.fullmatch(rf"error: {re.escape(str(weights))}: .+\n", outcome.stderr)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["IN", "--nonsense"],
        ["IN", "-s", "17"],
        ["IN", "-s", "two"],
        ["IN", "-t", "-1"],
        ["IN", "-t", "7", "-m", "WEIGHTS"],
        ["IN", "-s", "0.5"],
        ["IN", "-s", "2", "--width", "100"],
        ["IN", "--overwrite", "--skip-existing"],
        ["IN", "-f", "xyz"],
        ["IN", "-f", "png", "-o", "out.jpg"],
        ["IN", "--quality", "0"],
        ["IN", "--shard", "3"],
        ["IN", "--shard", "0/3"],
        ["IN", "--shard", "4/3"],
        ["IN", "-j", "-1"],
        ["IN", "IN2", "-o", "out.png"],
        ["IN", "-o", "-", "--json", "-m", "WEIGHTS"],
        ["IN", "-o", "out.xyz", "-m", "WEIGHTS"],
        ["IN", "-n", "no-such-model"],
        ["IN", "-n", "edsr-x7"],
        ["IN", "-n", "edsr", "-m", "WEIGHTS"],
        ["IN", "IN2", "-o", "-"],
        ["IN", "--device", "abacus"],
        ["IN", "--device", "cuda:99"],
        ["IN", "--engine", "abacus"],
        ["IN", "--engine", "int8", "--device", "cuda"],
        ["IN", "--threads", "-1"],
    ],
    ids=" ".join,
)
def test_wrong_usage_is_exit_code_2(photo: Path, weights: Path, arguments: list[str]) -> None:
    places = {"IN": str(photo), "IN2": str(weights), "WEIGHTS": str(weights)}
    outcome = Outcome(*(places.get(argument, argument) for argument in arguments))
    assert outcome.exit_code == 2
    assert not outcome.stdout
    assert "rror" in outcome.stderr


@pytest.mark.parametrize("threads", ["1", "3"])
def test_both_engines_make_the_same_picture(
    photo: Path, weights: Path, tmp_path: Path, threads: str
) -> None:
    results = []
    for engine in ("int8", "float"):
        target = tmp_path / f"{engine}.png"
        options = ["--engine", engine, "--threads", threads]
        assert Outcome(photo, "-m", weights, "-o", target, *options).exit_code == 0
        with Image.open(target) as image:
            results.append(np.asarray(image).astype(int))
    assert np.abs(results[0] - results[1]).max() <= 1


def test_without_kernels_a_note_says_so_unless_quiet(
    photo: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ISA_VARIABLE, "abacus")
    loud = Outcome(photo, "-m", weights)
    assert loud.exit_code == 0
    assert loud.stderr.startswith("note: this processor cannot run the abacus kernels; PyTorch")
    assert loud.stderr.count("note:") == 1
    assert Outcome(photo, "-m", weights, "--overwrite", "-q").stderr == ""


def test_the_help_begins_with_examples_and_names_every_group_of_options() -> None:
    help_text = CliRunner().invoke(app, ["upscale", "--help"]).stdout
    places = [
        help_text.index(word)
        for word in ("Examples", "Output", "Files", "Size", "Model", "Running")
    ]
    assert places == sorted(places)


def test_a_network_of_scale_1_restores_and_does_not_enlarge(photo: Path, tmp_path: Path) -> None:
    weights, target = tmp_path / "tiny.safetensors", tmp_path / "out.png"
    save(weights, tiny("span", 1))
    assert Outcome(photo, "-m", weights, "-o", target).exit_code == 0
    with Image.open(target) as image:
        assert image.size == (13, 9)
    outcome = Outcome(photo, "-m", weights, "-o", target, "--overwrite", "-s", "2")
    assert outcome.exit_code == 2
    assert outcome.stderr.startswith("error: the network restores pictures and does not enlarge")


@pytest.fixture
def sparing(tmp_path: Path) -> Path:
    """A network that is not to run where nothing curves."""
    path, network = tmp_path / "sparing.safetensors", tiny()
    flat = {"curvature": 1.0, "gradient": 0.0, "offset": 0.0}
    network.card = replace(network.card, plain=flat)
    save(path, network, compact=True)
    return path


@pytest.fixture
def half_plain(tmp_path: Path) -> Path:
    """Six cells of 32 px and what counts around them, in one colour; then noise."""
    path = tmp_path / "half.png"
    pixels = np.random.default_rng(0).integers(0, 256, (200, 400, 3), np.uint8)
    pixels[:, :208] = (90, 120, 150)
    Image.fromarray(pixels).save(path)
    return path


@pytest.mark.parametrize(
    ("options", "share"),
    [
        ([], 192 / 400),
        (["--plain-levels", "0"], 0),
        (["--no-skip-plain"], 0),
    ],
)
def test_plain_areas_are_told_and_keep_their_colour(
    sparing: Path, half_plain: Path, options: list[str], share: float
) -> None:
    target = half_plain.with_name("out.png")
    outcome = Outcome(half_plain, "-m", sparing, "-o", target, "--json", *options)
    assert outcome.exit_code == 0, outcome.stderr
    assert json.loads(outcome.stdout)["plain_share"] == pytest.approx(share)
    assert ("interpolated" in outcome.stderr) == (share > 0)
    with Image.open(target) as image:
        plain = np.asarray(image)[:, : 2 * 192]
    assert (plain == (90, 120, 150)).all() == (share > 0)


def test_the_bit_map_shows_plain_areas_in_gray(sparing: Path, half_plain: Path) -> None:
    figure = half_plain.with_name("map.png")
    target = half_plain.with_name("out.png")
    outcome = Outcome(half_plain, "-m", sparing, "-o", target, "--bit-map", figure)
    assert outcome.exit_code == 0, outcome.stderr
    with Image.open(figure) as image:
        left, right = (np.asarray(image)[20, image.width * x // 400] for x in (60, 300))
    assert np.ptp(left) < 10
    assert np.ptp(right) > 30
