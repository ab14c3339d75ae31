"""The scripts that shipped networks were made with do what they say."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_networks import tiny

import cadyq_cli
from cadyq_cli.imaging.resize import imresize
from cadyq_cli.networks import load, save
from cadyq_cli.networks.history import history_of


def script(name: str) -> ModuleType:
    path = Path(__file__).with_name(f"{name}.py")
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_mean_of_two_networks_lies_in_the_middle_and_says_so(tmp_path: Path) -> None:
    paths = [tmp_path / "a.safetensors", tmp_path / "b.safetensors"]
    networks = [tiny("edsr", 2, "float"), tiny("edsr", 2, "float")]
    with torch.no_grad():
        for network, value in zip(networks, (1.0, 4.0), strict=True):
            for parameter in network.parameters():
                parameter.fill_(value)
    for path, network in zip(paths, networks, strict=True):
        save(path, network)
    script("average_networks").average(paths, tmp_path / "mean.safetensors")
    mean = load(tmp_path / "mean.safetensors")
    assert {p.detach().min().item() for p in mean.parameters()} == {2.5}
    assert [event.did for event in history_of(mean.card)] == [
        "mean of the weights of a.safetensors, b.safetensors"
    ]


def test_a_high_price_leaves_only_the_lowest_width(tmp_path: Path) -> None:
    network = tiny("edsr", 2, "dynamic").eval()
    save(tmp_path / "before.safetensors", network)
    script("dearer_bits").make_dearer(
        tmp_path / "before.safetensors", tmp_path / "after.safetensors", 1e6
    )
    dearer = load(tmp_path / "after.safetensors")
    lowest = {min(widths) for widths in dearer.candidates.values()}
    chosen = dearer.run(np.full((16, 16, 3), 0.5, np.float32)).choices.values()
    assert {choice.bits for choice in chosen} == lowest


def test_a_network_without_widths_cannot_be_made_dearer(tmp_path: Path) -> None:
    save(tmp_path / "float.safetensors", tiny("edsr", 2, "float"))
    with pytest.raises(SystemExit, match="chooses no widths"):
        script("dearer_bits").make_dearer(
            tmp_path / "float.safetensors", tmp_path / "out.safetensors", 1
        )


def test_taught_photographs_hold_the_share_of_the_photograph_that_was_asked_for(
    tmp_path: Path,
) -> None:
    photograph = np.random.default_rng(0).integers(0, 256, (32, 40, 3), np.uint8)
    Image.fromarray(photograph).save(tmp_path / "a.png")
    teacher = tiny("edsr", 2, "float").eval()
    teach = script("taught_photographs").teach
    teach([tmp_path / "a.png"], tmp_path / "own", teacher, share=1)
    teach([tmp_path / "a.png"], tmp_path / "theirs", teacher, share=0)
    name = f"{tmp_path.name}_a_1"
    scale = teacher.scale
    low = np.asarray(Image.open(tmp_path / f"own/t_LR_bicubic/X{scale}/{name}x{scale}.png"))
    np.testing.assert_array_equal(low, imresize(photograph, 1 / scale))
    own = np.asarray(Image.open(tmp_path / f"own/t_HR/{name}.png"))
    np.testing.assert_array_equal(own, photograph)
    theirs = np.asarray(Image.open(tmp_path / f"theirs/t_HR/{name}.png"))

    np.testing.assert_array_equal(theirs, cadyq_cli.upscale(teacher, low).pixels)
