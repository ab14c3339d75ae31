"""What a light install can do, in interpreters in which torch cannot be imported."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from safetensors.numpy import load_file, save_file

from cadyq_cli.networks import shipped
from cadyq_cli.networks.stored import METADATA_KEY, read_card

PHOTO = Path(__file__).parent / "images" / "photo.png"
WITHOUT = (
    "import sys; sys.modules['torch'] = None\nfrom cadyq_cli.__main__ import main\nsys.exit(main())"
)


def cadyq(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", WITHOUT, *map(str, arguments)]
    return subprocess.run(command, check=False, capture_output=True, text=True)


def save_without_program(path: Path) -> None:
    """A network as training writes it, which it takes torch to run."""
    whole = shipped.find("span", 2)
    save_file(load_file(whole), path, {METADATA_KEY: read_card(whole).to_json()})


def test_pictures_and_maps_are_made(tmp_path: Path) -> None:
    big, found = tmp_path / "big.png", tmp_path / "map.png"
    done = cadyq("upscale", PHOTO, "-q", "-s", "2", "-o", big)
    assert (done.returncode, done.stderr) == (0, "")
    drawn = cadyq("bitmap", PHOTO, "-q", "-s", "2", "-o", found)
    assert (drawn.returncode, drawn.stderr) == (0, "")
    with Image.open(PHOTO) as small, Image.open(big) as large:
        assert large.size == (small.width * 2, small.height * 2)
    assert found.exists()


def test_networks_are_measured(tmp_path: Path) -> None:
    with Image.open(PHOTO) as photo:
        photo.crop((0, 0, 48, 40)).save(tmp_path / "cut.png")
    told = cadyq("eval", "bicubic", "span-x2", "-d", tmp_path, "--json")
    assert told.returncode == 0, told.stderr
    bicubic, network = json.loads(told.stdout)["results"]
    assert network["psnr"] > bicubic["psnr"] > 20
    assert 4 <= network["average_bits"] <= 8


def test_shipped_networks_are_listed() -> None:
    assert "srresnet" in cadyq("models").stdout
    assert "srresnet x4" in cadyq("models", "srresnet-x4").stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ["train", "FOLDER", "-o", "OUT"],
        ["upscale", "PHOTO", "-o", "OUT.png", "--engine", "float"],
        ["upscale", "PHOTO", "-o", "OUT.png", "--device", "cuda"],
        ["upscale", "PHOTO", "-o", "OUT.png", "-m", "FULL"],
        ["bitmap", "PHOTO", "-o", "OUT.png", "-m", "FULL"],
        ["eval", "FULL", "-d", "FOLDER"],
        ["eval", "CHECKPOINT", "-d", "FOLDER", "--official", "edsr", "-s", "4"],
    ],
    ids=" ".join,
)
def test_what_needs_torch_says_how_to_have_it(tmp_path: Path, arguments: list[str]) -> None:
    full, checkpoint = tmp_path / "full.safetensors", tmp_path / "edsr.pt"
    save_without_program(full)
    checkpoint.write_bytes(b"PK\3\4")
    places = {"PHOTO": PHOTO, "FOLDER": PHOTO.parent, "FULL": full, "CHECKPOINT": checkpoint}
    places |= {"OUT": tmp_path / "out", "OUT.png": tmp_path / "out.png"}
    refused = cadyq(*(places.get(each, each) for each in arguments))
    assert refused.returncode == 2
    assert refused.stderr.count("\n") == 1
    assert refused.stderr.endswith('install "cadyq[train]"\n')
    assert not (tmp_path / "out.png").exists()
    assert not (tmp_path / "out").exists()
