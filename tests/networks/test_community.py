"""Networks of other programs, against their topologies in plain PyTorch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from other_programs import BasicEdsr, Compact, Span, TorchEdsr
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor, nn
from typer.testing import CliRunner

import cadyq_cli
from cadyq_cli.commands.app import app
from cadyq_cli.errors import CheckpointError


def _networks() -> dict[str, nn.Module]:
    torch.manual_seed(5)
    return {
        "compact x1": Compact(8, 2, 1),
        "compact x4": Compact(12, 3, 4),
        "span x1 folded": Span(8, 1, centred=False, folded=True),
        "span x2": Span(12, 2, centred=True, folded=False),
        "span x4 folded": Span(8, 4, centred=True, folded=True),
        "span x3": Span(8, 3, centred=False, folded=False),
        "basicsr edsr x1": BasicEdsr(8, 1, 1),
        "basicsr edsr x3": BasicEdsr(8, 2, 3),
        "basicsr edsr x8": BasicEdsr(6, 1, 8),
        "wide basicsr edsr x2": BasicEdsr(256, 1, 2, residual_scale=0.1),
        "edsr-pytorch x2": TorchEdsr(8, 2, 2),
        "edsr-pytorch x4": TorchEdsr(8, 1, 4),
        "edsr-pytorch x4 of 0..1": TorchEdsr(8, 2, 4, white=1),
    }


def _image() -> Tensor:
    return torch.rand(1, 3, 9, 7, generator=torch.Generator().manual_seed(1))


@torch.no_grad()
def _assert_alike(path: Path, network: nn.Module, *, within: float = 2e-5) -> None:
    loaded = cadyq_cli.load(path)
    expected = network(_image())
    scale = expected.abs().max().clamp_min(1).item()
    torch.testing.assert_close(loaded(_image())[0], expected, atol=within * scale, rtol=0)


@pytest.mark.parametrize("name", _networks())
def test_a_network_gives_what_its_topology_gives(name: str, tmp_path: Path) -> None:
    network = _networks()[name]
    torch.save(network.state_dict(), tmp_path / "a.pth")
    _assert_alike(tmp_path / "a.pth", network)


@pytest.mark.parametrize("key", [None, "params_ema", "params", "state_dict", "model", "net"])
@pytest.mark.parametrize("prefix", ["", "module."])
def test_weights_are_found_where_programs_put_them(
    key: str | None, prefix: str, tmp_path: Path
) -> None:
    network = Compact(8, 2, 2)
    state = {prefix + name: value for name, value in network.state_dict().items()}
    torch.save({"iter": 7, key: state} if key else state, tmp_path / "a.pt")
    _assert_alike(tmp_path / "a.pt", network)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_safetensors_of_any_precision_are_read(dtype: torch.dtype, tmp_path: Path) -> None:
    network = Span(8, 2, centred=True, folded=False).to(dtype)
    save_file(network.state_dict(), tmp_path / "a.safetensors")
    _assert_alike(tmp_path / "a.safetensors", network.float(), within=1e-4)


def test_a_saved_final_convolution_is_used_where_there_is_nothing_to_fold(tmp_path: Path) -> None:
    network = Span(8, 2, centred=True, folded=True)
    state = {
        name.replace("_r.", "_r.eval_conv.").replace("conv_1.", "conv_1.eval_conv."): value
        for name, value in network.state_dict().items()
    }
    torch.save(state, tmp_path / "a.pth")
    _assert_alike(tmp_path / "a.pth", network)


@pytest.mark.parametrize("engine", ["auto", "float"])
def test_commands_take_a_community_network(engine: str, tmp_path: Path) -> None:
    path, picture, out = tmp_path / "mine.pth", tmp_path / "a.png", tmp_path / "b.png"
    network = Compact(8, 2, 2)
    torch.save({"params": network.state_dict()}, path)
    pixels = np.random.default_rng(0).integers(0, 256, (32, 36, 3), np.uint8)
    Image.fromarray(pixels).save(picture)
    done = CliRunner().invoke(
        app, ["upscale", str(picture), "-m", str(path), "-o", str(out), "--engine", engine]
    )
    assert done.exit_code == 0, done.output
    with torch.no_grad():
        expected = network(torch.from_numpy(pixels).permute(2, 0, 1)[None] / 255)
    levels = (expected[0].permute(1, 2, 0).clamp(0, 1) * 255).numpy()
    with Image.open(out) as enlarged:
        difference = np.abs(np.asarray(enlarged) - levels)
    assert difference[8:-8, 8:-8].max() < 0.51  # pictures go on beyond their borders
    told = CliRunner().invoke(app, ["models", str(path)])
    assert told.stdout.startswith("mine.pth: compact x2, float")
    assert "features = 8, convolutions = 2" in told.stdout
    scored = CliRunner().invoke(app, ["eval", str(path), "-d", str(tmp_path), "--engine", engine])
    assert scored.exit_code == 0, scored.output


def _failure(path: Path, state: Any) -> str:
    torch.save(state, path)
    with pytest.raises(CheckpointError) as caught:
        cadyq_cli.load(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_an_unknown_network_is_told_by_what_is_known_and_by_its_first_tensors(
    tmp_path: Path,
) -> None:
    state = {f"model.{i}.\n": torch.zeros(3) for i in range(9)} | {"more": torch.zeros(3)}
    message = _failure(tmp_path / "a.pth", state)
    assert "compact, edsr or span" in message
    assert "model.0" in message
    assert "model.2" in message
    assert "model.3" not in message


@pytest.mark.parametrize(
    "name",
    ["compact x4", "span x2", "span x4 folded", "basicsr edsr x3", "edsr-pytorch x4"],
)
def test_every_tensor_has_to_be_there_and_to_fit(name: str, tmp_path: Path) -> None:
    state = _networks()[name].state_dict()
    path = tmp_path / "a.pth"
    bias_free = [k for k in state if not k.endswith("bias") and "eval_conv" not in k]
    for lost in bias_free[2::9]:
        _failure(path, {k: v for k, v in state.items() if k != lost})
        assert lost in _failure(path, state | {lost: state[lost][..., None]})
    assert "entries too many" in _failure(path, state | {"more.weight": torch.ones(2)})
    broken = bias_free[-1]
    assert "finite" in _failure(path, state | {broken: state[broken] * torch.nan})


@pytest.mark.parametrize("outputs", [3 * 81, 13, 1])
def test_a_last_layer_of_no_scale_is_refused(outputs: int, tmp_path: Path) -> None:
    state = Compact(4, 2, 2).state_dict()
    state |= {"body.6.weight": torch.zeros(outputs, 4, 3, 3), "body.6.bias": torch.zeros(outputs)}
    assert f"gives {outputs} numbers a pixel" in _failure(tmp_path / "a.pth", state)


def test_a_compact_of_gray_pictures_is_refused(tmp_path: Path) -> None:
    state = Compact(4, 2, 2).state_dict() | {"body.0.weight": torch.zeros(4, 1, 3, 3)}
    assert "(4, 1, 3, 3) where (4, 3, 3, 3)" in _failure(tmp_path / "a.pth", state)
