"""The authors' checkpoints: every form that occurs, and what is said of the wrong ones."""

from __future__ import annotations

import pickle
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

import cadyq_cli
from cadyq_cli.errors import CheckpointError, InputError

GOLDEN = Path(__file__).parents[1] / "golden" / "released_edsr_x2.safetensors"


@pytest.fixture(scope="module")
def recorded() -> dict[str, Tensor]:
    return load_file(GOLDEN)


def _state(recorded: dict[str, Tensor], kind: str = "cadyq") -> dict[str, Tensor]:
    prefix = f"{kind}.state/"
    return {k.removeprefix(prefix): v for k, v in recorded.items() if k.startswith(prefix)}


@pytest.fixture
def state(recorded: dict[str, Tensor]) -> dict[str, Tensor]:
    return _state(recorded)


def _failure(source: Any, **options: Any) -> str:
    defaults: dict[str, Any] = {"backbone": "edsr", "scale": 2}
    with pytest.raises(CheckpointError) as caught:
        cadyq_cli.load_official(source, **defaults | options)
    assert caught.value.exit_code == 3
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("suffix", [".pth", ".pt", ".pth.tar"])
@pytest.mark.parametrize("wrapped", [False, True])
def test_files_bare_and_wrapped_give_the_recorded_output(
    suffix: str,
    wrapped: bool,
    recorded: dict[str, Tensor],
    state: dict[str, Tensor],
    tmp_path: Path,
) -> None:
    path = tmp_path / f"model{suffix}"
    wrapper = {
        "epoch": 300,
        "state_dict": state,
        "optimizer": {"state": {}, "param_groups": [{"lr": 1e-4}]},
        "scheduler": {"milestones": Counter([150]), "last_epoch": 300},
        "cadyq_optimizer": {"state": {}, "param_groups": []},
        "cadyq_scheduler": {"last_epoch": 300},
    }
    torch.save(wrapper if wrapped else state, path)
    network = cadyq_cli.load_official(path, backbone="edsr", scale=2)
    with torch.no_grad():
        output, _ = network(recorded["input"] / 255)
    torch.testing.assert_close(output * 255, recorded["cadyq.sr"], atol=2e-2, rtol=0)


def test_names_of_a_parallel_run_are_understood(state: dict[str, Tensor], tmp_path: Path) -> None:
    torch.save({f"module.{k}": v for k, v in state.items()}, tmp_path / "a.pth")
    cadyq_cli.load_official(tmp_path / "a.pth", backbone="edsr", scale=2)


@pytest.mark.parametrize(
    "keys",
    [["params_ema"], ["params"], ["model"], ["model_state_dict"], ["net"], ["model", "state_dict"]],
)
@pytest.mark.parametrize("prefix", ["", "module.", "model.module."])
def test_weights_are_found_where_programs_put_them(
    keys: list[str], prefix: str, state: dict[str, Tensor], tmp_path: Path
) -> None:
    content: dict[str, Any] = {prefix + name: value for name, value in state.items()}
    for key in reversed(keys):
        content = {"epoch": 3, "optimizer": {"state": {0: {"step": torch.ones(1)}}}, key: content}
    torch.save(content, tmp_path / "a.pth")
    loaded = cadyq_cli.load_official(tmp_path / "a.pth", backbone="edsr", scale=2)
    torch.testing.assert_close(
        loaded.state_dict(), cadyq_cli.load_official(state, backbone="edsr", scale=2).state_dict()
    )


def test_averaged_weights_are_preferred(state: dict[str, Tensor], tmp_path: Path) -> None:
    raw = {name: value * 0 for name, value in state.items() if "mean" not in name}
    torch.save({"params": raw, "params_ema": state}, tmp_path / "a.pth")
    loaded = cadyq_cli.load_official(tmp_path / "a.pth", backbone="edsr", scale=2)
    assert bool(loaded.backbone.state_dict()["head.weight"].any())


PAGES = [
    b"<!DOCTYPE html><html>",
    b"\n<HTML lang=en>",
    b"\xef\xbb\xbf<?xml version='1.0'?>\n<html>",
]
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 6185213\n"


@pytest.mark.parametrize("name", ["a.pth", "a.safetensors", "a.bin"])
def test_web_pages_and_pointers_are_called_that(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    for content, what in (
        *((page, "a web page") for page in PAGES),
        (POINTER, "a Git LFS pointer"),
    ):
        path.write_bytes(content)
        assert f"is {what}, not a weights file" in _failure(path)
        with pytest.raises(CheckpointError, match=f"is {what}, not a weights file"):
            cadyq_cli.load(path)


def test_features_blocks_and_precision_are_read_from_the_file(
    recorded: dict[str, Tensor], state: dict[str, Tensor]
) -> None:
    card = cadyq_cli.load_official(state, backbone="edsr", scale=2).card
    assert card.settings == {"scale": 2, "features": 16, "blocks": 3}
    assert card.precision == "dynamic"
    teacher = cadyq_cli.load_official(_state(recorded, "pams"), backbone="edsr", scale=2)
    assert teacher.card.precision == "static"


def test_a_pickle_with_code_is_not_opened(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (tmp_path / "sprung",))

    path = tmp_path / "a.pth"
    torch.save({"state_dict": Trap()}, path)
    assert "possibly code" in _failure(path)
    path.write_bytes(pickle.dumps(Trap()))
    _failure(path)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("tenth", range(10))
def test_a_truncated_file_is_noticed(tenth: int, state: dict[str, Tensor], tmp_path: Path) -> None:
    path = tmp_path / "a.pth"
    torch.save(state, path)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * tenth // 10])
    assert "truncated, damaged or no checkpoint" in _failure(path)


def test_a_missing_file_is_said_to_be_missing(tmp_path: Path) -> None:
    assert "no such checkpoint" in _failure(tmp_path / "a.pth")


@pytest.mark.parametrize("content", [{}, {"epoch": 3}, [1, 2], 7])
def test_a_pickle_without_weights_is_told_apart(content: object, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "a.pth")
    assert "no state dict" in _failure(tmp_path / "a.pth")


@pytest.mark.parametrize("backbone", ["carn", "idn", "srresnet"])
def test_another_backbone_is_noticed(backbone: str, state: dict[str, Tensor]) -> None:
    assert f"no checkpoint of {backbone} x2" in _failure(state, backbone=backbone)


@pytest.mark.parametrize("scale", [3, 4])
def test_another_scale_is_noticed(scale: int, state: dict[str, Tensor]) -> None:
    assert f"no checkpoint of edsr x{scale}" in _failure(state, scale=scale)


@pytest.mark.parametrize("widths", [(4, 8), (2, 4, 6, 8)])
def test_another_number_of_widths_is_noticed(
    widths: tuple[int, ...], state: dict[str, Tensor]
) -> None:
    assert "shape" in _failure(state, widths=widths)


def test_a_missing_entry_is_named(state: dict[str, Tensor]) -> None:
    del state["body.1.body.0.weight"]
    assert "lacks 1 entries, for instance blocks.1.conv1.conv.weight" in _failure(state)


def test_an_extra_entry_is_named(state: dict[str, Tensor]) -> None:
    state["body.1.surprise.weight"] = torch.zeros(1)
    assert "unknown entry body.1.surprise.weight" in _failure(state)


def test_another_mean_colour_is_noticed(state: dict[str, Tensor]) -> None:
    state["sub_mean.bias"] = torch.zeros(3)
    assert "mean colour" in _failure(state)


@pytest.mark.parametrize(("backbone", "scale"), [("vdsr", 2), ("span", 4), ("edsr", 5)])
def test_a_request_that_cannot_be_met_is_a_usage_error(
    backbone: str, scale: int, state: dict[str, Tensor]
) -> None:
    with pytest.raises(InputError):
        cadyq_cli.load_official(state, backbone=backbone, scale=scale)
