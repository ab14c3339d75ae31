"""Networks of other programs, against their topologies in plain PyTorch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.functional import interpolate, pad, pixel_shuffle, silu
from typer.testing import CliRunner

import cadyq_cli
from cadyq_cli.commands.app import app
from cadyq_cli.errors import CheckpointError

MEAN = torch.tensor([0.4488, 0.4371, 0.4040]).view(1, 3, 1, 1)


class Compact(nn.Module):
    def __init__(self, features: int, convolutions: int, scale: int) -> None:
        super().__init__()
        self.scale = scale
        layers: list[nn.Module] = []
        for inputs in [3] + [features] * convolutions:
            layers += [nn.Conv2d(inputs, features, 3, padding=1), nn.PReLU(features)]
        self.body = nn.ModuleList([*layers, nn.Conv2d(features, 3 * scale**2, 3, padding=1)])

    def forward(self, x: Tensor) -> Tensor:
        body = x
        for layer in self.body:
            body = layer(body)
        return pixel_shuffle(body, self.scale) + interpolate(x, scale_factor=self.scale)


class Conv3XC(nn.Module):
    """A sum of a 1x1 convolution and a chain of three."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.sk = nn.Conv2d(inputs, outputs, 1)
        self.conv = nn.Sequential(
            nn.Conv2d(inputs, 2 * inputs, 1),
            nn.Conv2d(2 * inputs, 2 * outputs, 3),
            nn.Conv2d(2 * outputs, outputs, 1),
        )
        self.eval_conv = nn.Conv2d(inputs, outputs, 3, padding=1)  # stale

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.conv(pad(x, (1, 1, 1, 1))) + self.sk(x)
        return output


class Block(nn.Module):
    def __init__(self, conv: Any, features: int) -> None:
        super().__init__()
        self.c1_r, self.c2_r, self.c3_r = (conv(features, features) for _ in range(3))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        first = silu(self.c1_r(x))
        third = self.c3_r(silu(self.c2_r(first)))
        return (third + x) * (third.sigmoid() - 0.5), first


class Span(nn.Module):
    def __init__(self, features: int, scale: int, *, centred: bool, folded: bool) -> None:
        super().__init__()
        conv = (lambda i, o: nn.Conv2d(i, o, 3, padding=1)) if folded else Conv3XC
        self.scale, self.centred = scale, centred
        if not centred:
            self.register_buffer("no_norm", torch.zeros(1))
        self.conv_1 = conv(3, features)
        for i in range(1, 7):
            setattr(self, f"block_{i}", Block(conv, features))
        self.conv_2 = conv(features, features)
        self.conv_cat = nn.Conv2d(4 * features, features, 1)
        self.upsampler = nn.Sequential(nn.Conv2d(features, 3 * scale**2, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        head = body = self.conv_1((x - MEAN) * 255 if self.centred else x)
        outputs = []
        for i in range(1, 7):
            body, first = getattr(self, f"block_{i}")(body)
            outputs.append(body)
        joined = torch.cat([head, self.conv_2(body), outputs[0], first], 1)
        return pixel_shuffle(self.upsampler(self.conv_cat(joined)), self.scale)


def _networks() -> dict[str, nn.Module]:
    torch.manual_seed(5)
    return {
        "compact x1": Compact(8, 2, 1),
        "compact x4": Compact(12, 3, 4),
        "span x1 folded": Span(8, 1, centred=False, folded=True),
        "span x2": Span(12, 2, centred=True, folded=False),
        "span x4 folded": Span(8, 4, centred=True, folded=True),
        "span x3": Span(8, 3, centred=False, folded=False),
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
    assert "compact or span" in message
    assert "model.0" in message
    assert "model.2" in message
    assert "model.3" not in message


@pytest.mark.parametrize("name", ["compact x4", "span x2", "span x4 folded"])
def test_every_tensor_has_to_be_there_and_to_fit(name: str, tmp_path: Path) -> None:
    state = _networks()[name].state_dict()
    path = tmp_path / "a.pth"
    bias_free = [k for k in state if not k.endswith("bias") and "eval_conv" not in k]
    for lost in bias_free[2::9]:
        _failure(path, {k: v for k, v in state.items() if k != lost})
        assert lost in _failure(path, state | {lost: state[lost][..., None]})
    assert "entries too many" in _failure(path, state | {"more.weight": torch.ones(2)})
    broken = bias_free[0]
    assert "finite" in _failure(path, state | {broken: state[broken] * torch.nan})


@pytest.mark.parametrize("outputs", [3 * 81, 13, 1])
def test_a_last_layer_of_no_scale_is_refused(outputs: int, tmp_path: Path) -> None:
    state = Compact(4, 2, 2).state_dict()
    state |= {"body.6.weight": torch.zeros(outputs, 4, 3, 3), "body.6.bias": torch.zeros(outputs)}
    assert f"gives {outputs} numbers a pixel" in _failure(tmp_path / "a.pth", state)


def test_a_compact_of_gray_pictures_is_refused(tmp_path: Path) -> None:
    state = Compact(4, 2, 2).state_dict() | {"body.0.weight": torch.zeros(4, 1, 3, 3)}
    assert "(4, 1, 3, 3) where (4, 3, 3, 3)" in _failure(tmp_path / "a.pth", state)
