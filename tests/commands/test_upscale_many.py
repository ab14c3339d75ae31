"""What people do with `cadyq upscale` beyond one image."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
import time
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageCms
from typer.testing import CliRunner

from cadyq_cli.commands.app import app
from cadyq_cli.commands.upscale import upscale
from cadyq_cli.imaging.limits import MAX_PIXELS
from cadyq_cli.networks import Card, Network, save


class Outcome:
    """What a run of the command left behind."""

    def __init__(self, *arguments: str | Path, stdin: bytes = b"") -> None:
        result = CliRunner().invoke(app, ["upscale", *map(str, arguments)], input=stdin)
        self.exit_code, self.stderr = result.exit_code, result.stderr
        self.stdout = result.stdout_bytes

    @property
    def objects(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.stdout.splitlines()]


def pixels(height: int, width: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.random.default_rng(height).integers(0, 256, (height, width, 3), np.uint8)


def encoded(file_format: str, height: int = 9, width: int = 13) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels(height, width)).save(buffer, file_format)
    return buffer.getvalue()


def size_of(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        return image.width, image.height


def files_in(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A small network that doubles images."""
    torch.manual_seed(0)
    path = tmp_path / "tiny.safetensors"
    settings = {"scale": 2, "features": 4, "blocks": 1}
    save(path, Network(Card(backbone="edsr", settings=settings, precision="dynamic")))
    return path


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Three images in a tree."""
    folder = tmp_path / "photos"
    (folder / "in").mkdir(parents=True)
    (folder / "a.png").write_bytes(encoded("PNG"))
    (folder / "b.jpg").write_bytes(encoded("JPEG", 8, 20))
    (folder / "in" / "ä ö.bmp").write_bytes(encoded("BMP", 5, 4))
    return folder


def test_a_folder_is_enlarged_with_its_tree(photos: Path, weights: Path, tmp_path: Path) -> None:
    outcome = Outcome(photos, "-r", "-m", weights, "-o", tmp_path / "out")
    assert outcome.exit_code == 0
    assert files_in(tmp_path / "out") == {"a_x2.png", "b_x2.jpg", "in/ä ö_x2.bmp"}
    assert size_of(tmp_path / "out" / "b_x2.jpg") == (40, 16)
    assert outcome.stderr.startswith("3 done, 0 skipped, 0 failed in ")


def test_one_bad_file_never_stops_the_rest(photos: Path, weights: Path, tmp_path: Path) -> None:
    (photos / "a.jpg").write_bytes(b"text")
    outcome = Outcome(photos, "-m", weights, "-o", tmp_path / "out", "-j", "2")
    assert outcome.exit_code == 1
    assert files_in(tmp_path / "out") == {"a_x2.png", "b_x2.jpg"}
    error, summary = outcome.stderr.splitlines()
    assert error.startswith(f"error: {photos / 'a.jpg'}: is not an image")
    assert summary.startswith("2 done, 0 skipped, 1 failed in ")


def test_debug_shows_where_each_failure_comes_from(
    photos: Path, weights: Path, tmp_path: Path
) -> None:
    (photos / "a.jpg").write_bytes(b"text")
    outcome = Outcome(photos, "-m", weights, "-o", tmp_path / "out", "--debug")
    assert outcome.exit_code == 1
    assert outcome.stderr.startswith("Traceback")
    assert "2 done, 0 skipped, 1 failed" in outcome.stderr


def test_fail_fast_stops_at_the_first(photos: Path, weights: Path, tmp_path: Path) -> None:
    (photos / "a.jpg").write_bytes(b"text")
    outcome = Outcome(photos, "-m", weights, "-o", tmp_path / "out", "--fail-fast", "-j", "1")
    assert outcome.exit_code == 1
    assert "1 failed, 2 left in " in outcome.stderr
    assert not (tmp_path / "out").exists()


def test_what_is_there_already_is_skipped_on_request(
    photos: Path, weights: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "a_x2.png").write_text("precious")
    refused = Outcome(photos, "-m", weights, "-o", out)
    assert refused.exit_code == 1
    assert "a_x2.png: exists already; --overwrite replaces it\n" in refused.stderr
    skipped = Outcome(photos, "-m", weights, "-o", out, "--skip-existing", "--json")
    assert skipped.exit_code == 0
    assert [each["status"] for each in skipped.objects] == ["skipped", "skipped"]
    assert (out / "a_x2.png").read_text() == "precious"
    assert Outcome(photos, "-m", weights, "-o", out, "--overwrite").exit_code == 0
    assert size_of(out / "a_x2.png") == (26, 18)


def test_two_images_of_one_result_are_refused_before_any_work(
    photos: Path, weights: Path, tmp_path: Path
) -> None:
    (photos / "a.jpg").write_bytes(encoded("JPEG"))
    outcome = Outcome(photos, "-m", weights, "-o", tmp_path / "out", "-f", "png")
    assert outcome.exit_code == 2
    assert "would both become" in outcome.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "size"),
    [
        (["-s", "2"], (26, 18)),
        (["-s", "2.5"], (33, 23)),
        (["--outscale", "1"], (13, 9)),
        (["-s", "5"], (65, 45)),
        (["--width", "100"], (100, 69)),
        (["--height", "18"], (26, 18)),
        (["--width", "100", "--height", "18"], (26, 18)),
        (["-s", "4", "--max-pixels", "900"], (36, 24)),
    ],
)
def test_any_size_is_reached(
    photos: Path, weights: Path, tmp_path: Path, arguments: list[str], size: tuple[int, int]
) -> None:
    target = tmp_path / "out.png"
    assert Outcome(photos / "a.png", "-m", weights, "-o", target, *arguments).exit_code == 0
    assert size_of(target) == size


def test_verbose_states_the_networks_and_the_resample(photos: Path, weights: Path) -> None:
    stderr = Outcome(photos / "a.png", "-m", weights, "-s", "2.5", "-v").stderr
    assert "13 x 9 px enlarged 4 times by tiny, then tiny, then resized to 33 x 23 px" in stderr


def test_an_image_out_of_reach_fails_alone(photos: Path, weights: Path, tmp_path: Path) -> None:
    outcome = Outcome(photos, "-m", weights, "-o", tmp_path / "out", "--width", "15")
    assert outcome.exit_code == 1
    assert "b.jpg: is 20x8 px, the result would be 0.75 times as large" in outcome.stderr
    assert files_in(tmp_path / "out") == {"a_w15.png"}


def test_names_formats_and_quality(photos: Path, weights: Path, tmp_path: Path) -> None:
    sizes = []
    for quality in ("5", "95"):
        out = tmp_path / quality
        chosen = ["-f", "jpg", "--suffix", "-big", "--quality", quality]
        assert Outcome(photos, "-m", weights, "-o", out, *chosen).exit_code == 0
        assert files_in(out) == {"a-big.jpg", "b-big.jpg"}
        sizes.append((out / "a-big.jpg").stat().st_size)
    assert sizes[0] < sizes[1] / 2


def test_metadata_is_kept_or_stripped(photos: Path, weights: Path, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010F] = "Camera"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    source, kept, stripped = (tmp_path / name for name in ("m.jpg", "kept.jpg", "stripped.jpg"))
    with Image.open(photos / "b.jpg") as image:
        image.convert("RGB").save(source, exif=exif, icc_profile=profile)
    assert Outcome(source, "-m", weights, "-o", kept).exit_code == 0
    assert Outcome(source, "-m", weights, "-o", stripped, "--strip-metadata").exit_code == 0
    with Image.open(kept) as with_it, Image.open(stripped) as without:
        assert with_it.getexif()[0x010F] == "Camera"
        assert not without.getexif()
        assert with_it.info["icc_profile"] == without.info["icc_profile"] == profile


def test_transparency_in_a_jpeg_is_an_error_that_names_the_fix(
    weights: Path, tmp_path: Path
) -> None:
    source = tmp_path / "a.png"
    Image.new("RGBA", (4, 4), (1, 2, 3, 4)).save(source)
    outcome = Outcome(source, "-m", weights, "-o", tmp_path / "a.jpg")
    assert outcome.exit_code == 1
    assert "JPEG cannot hold transparency; PNG, WebP, AVIF and TIFF can" in outcome.stderr


def test_streams_go_in_and_out(weights: Path, tmp_path: Path) -> None:
    for arguments, file_format in (([], "JPEG"), (["-f", "tiff"], "TIFF"), (["-o", "-"], "JPEG")):
        outcome = Outcome("-", "-m", weights, *arguments, stdin=encoded("JPEG"))
        assert outcome.exit_code == 0
        with Image.open(io.BytesIO(outcome.stdout)) as image:
            assert (image.size, image.format) == ((26, 18), file_format)
    target = tmp_path / "out.webp"
    assert Outcome("-", "-m", weights, "-o", target, stdin=encoded("PNG")).exit_code == 0
    assert size_of(target) == (26, 18)


def test_a_broken_stream_leaves_standard_output_empty(weights: Path) -> None:
    outcome = Outcome("-", "-m", weights, stdin=encoded("PNG", 60, 60)[:1000])
    assert (outcome.exit_code, outcome.stdout) == (1, b"")
    assert outcome.stderr.startswith("error: standard input: is broken")


SCHEMA: dict[str, tuple[type, ...]] = {
    "version": (int,),
    "input": (str,),
    "output": (str,),
    "status": (str,),
    "input_size": (list, type(None)),
    "output_size": (list, type(None)),
    "scale": (float, type(None)),
    "models": (list,),
    "average_bits": (float, type(None)),
    "plain_share": (float, type(None)),
    "seconds": (float,),
    "notes": (list,),
    "error": (str, type(None)),
}


def test_json_has_one_object_an_image_of_the_documented_schema(
    photos: Path, weights: Path, tmp_path: Path
) -> None:
    (photos / "c.png").write_bytes(b"")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "b_x2.jpg").touch()
    arguments = ["-s", "2", "--json", "--skip-existing", "-j", "1"]
    outcome = Outcome(photos, "-m", weights, "-o", tmp_path / "out", *arguments)
    assert outcome.exit_code == 1
    for each in outcome.objects:
        assert list(each) == list(SCHEMA)
        assert all(isinstance(each[key], kinds) for key, kinds in SCHEMA.items())
        assert each["version"] == 1
    done, skipped, failed = outcome.objects
    assert done | {"seconds": 0} == {
        "version": 1,
        "input": str(photos / "a.png"),
        "output": str(tmp_path / "out" / "a_x2.png"),
        "status": "done",
        "input_size": [13, 9],
        "output_size": [26, 18],
        "scale": 2.0,
        "models": ["tiny"],
        "average_bits": 8.0,
        "plain_share": 0.0,
        "seconds": 0,
        "notes": [],
        "error": None,
    }
    assert (skipped["status"], skipped["output_size"], skipped["error"]) == ("skipped", None, None)
    assert failed["status"] == "failed"
    assert failed["error"] == f"{photos / 'c.png'}: is empty; copy or download it again"


def test_notes_on_reading_are_printed_unless_quiet(weights: Path, tmp_path: Path) -> None:
    source = tmp_path / "a.gif"
    frames = [Image.fromarray(pixels(4 + number, 4)[:4]) for number in range(2)]
    frames[0].save(source, save_all=True, append_images=frames[1:])
    note = f"note: {source} holds several pictures; the first one is used\n"
    assert note in Outcome(source, "-m", weights).stderr
    assert Outcome(source, "-m", weights, "--overwrite", "-q").stderr == ""
    assert size_of(tmp_path / "a_x2.png") == (8, 8)


def test_shards_together_do_what_one_machine_does(
    photos: Path, weights: Path, tmp_path: Path
) -> None:
    for shard in ("1/2", "2/2"):
        out = tmp_path / "out"
        assert Outcome(photos, "-r", "-m", weights, "-o", out, "--shard", shard).exit_code == 0
    assert files_in(tmp_path / "out") == {"a_x2.png", "b_x2.jpg", "in/ä ö_x2.bmp"}


def test_a_shard_without_images_is_no_failure(photos: Path, weights: Path) -> None:
    assert Outcome(photos / "a.png", "-m", weights, "--shard", "2/2").exit_code == 0
    assert not (photos / "a_x2.png").exists()


def test_the_limit_on_pixels_is_that_of_the_reader_unless_told_otherwise() -> None:
    assert signature(upscale).parameters["max_input_pixels"].default == MAX_PIXELS


def test_the_limit_on_pixels_is_a_flag(photos: Path, weights: Path) -> None:
    outcome = Outcome(photos / "a.png", "-m", weights, "--max-input-pixels", "100")
    assert outcome.exit_code == 1
    assert (
        "is too large, 13x9 px; the limit is 100 px in all (--max-input-pixels)" in outcome.stderr
    )


def test_a_self_ensemble_changes_the_result(photos: Path, weights: Path, tmp_path: Path) -> None:
    plain, ensemble = tmp_path / "plain.png", tmp_path / "ensemble.png"
    assert Outcome(photos / "a.png", "-m", weights, "-o", plain).exit_code == 0
    again = Outcome(photos / "a.png", "-m", weights, "-o", ensemble, "--self-ensemble")
    assert again.exit_code == 0
    assert plain.read_bytes() != ensemble.read_bytes()


@pytest.mark.parametrize(
    ("command", "jobs", "number"),
    [
        ("upscale", "1", signal.SIGINT),
        ("upscale", "2", signal.SIGINT),
        ("upscale", "1", signal.SIGTERM),
        ("upscale", "1", signal.SIGHUP),
        ("bitmap", "1", signal.SIGINT),
    ],
)
def test_an_interrupt_leaves_no_unfinished_file_and_tells_what_is_left(
    weights: Path, tmp_path: Path, command: str, jobs: str, number: signal.Signals
) -> None:
    source, out = tmp_path / "photos", tmp_path / "out"
    source.mkdir()
    for i in range(40):
        (source / f"{i}.png").write_bytes(encoded("PNG", 700, 700))
    line = [sys.executable, "-m", "cadyq_cli", command, str(source), "-j", jobs]
    line += ["-m", str(weights), "-o", str(out)]
    with subprocess.Popen(line, stderr=subprocess.PIPE, text=True) as process:
        while not out.exists() or not list(out.iterdir()):
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(number)
        _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert " of 40 images are left to do\n" in stderr
    assert stderr.endswith("interrupted\n")
    assert all(path.suffix == ".png" for path in out.iterdir())
    assert len(list(out.iterdir())) < 40
