"""Networks in ncnn's two files, against their topologies in plain PyTorch."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import cast

import ncnn_files
import pytest
import torch
from ncnn_files import Writer
from other_programs import MEAN, Compact, Span
from torch import Tensor, nn
from typer.testing import CliRunner

import cadyq_cli
from cadyq_cli.commands.app import app
from cadyq_cli.errors import CheckpointError

DIV2K, IMAGENET = MEAN.flatten().tolist(), [0.485, 0.456, 0.406]


def _image() -> Tensor:
    return torch.rand(1, 3, 9, 7, generator=torch.Generator().manual_seed(1))


def _compact(scale: int = 2) -> Compact:
    torch.manual_seed(3)
    return Compact(5, 2, scale)


def _span(scale: int = 2) -> Span:
    torch.manual_seed(4)
    return Span(6, scale, centred=False, folded=True, blocks=2)


@torch.no_grad()
def _assert_alike(path: Path, expected: Tensor) -> None:
    enlarged = cadyq_cli.load(path)(_image())[0]
    scale = max(1.0, expected.abs().max().item())
    torch.testing.assert_close(enlarged, expected, atol=2e-5 * scale, rtol=0)


def _rounded(network: nn.Module) -> None:
    """Bring kernels to half precision, in which they are stored."""
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.Conv2d):
                module.weight.copy_(module.weight.half())


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("named", [".param", ".bin"])
@pytest.mark.parametrize("scale", [1, 2, 4])
@torch.no_grad()
def test_a_compact_gives_what_its_topology_gives(
    scale: int, named: str, half: bool, tmp_path: Path
) -> None:
    network = _compact(scale)
    if half:
        _rounded(network)
    path = ncnn_files.compact(network, half=half).write(tmp_path / f"a{named}")
    _assert_alike(path, network(_image()))


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("scale", [1, 3])
@pytest.mark.parametrize(
    ("mean", "white"), [(None, 1), (DIV2K, 255), (IMAGENET, 1), (IMAGENET, 7.5)]
)
@torch.no_grad()
def test_a_span_gives_what_its_topology_gives(
    mean: list[float] | None, white: float, scale: int, half: bool, tmp_path: Path
) -> None:
    network = _span(scale)
    if half:
        _rounded(network)
    path = ncnn_files.span(network, half=half, mean=mean, white=white).write(tmp_path / "a.param")
    colour = torch.tensor(mean or [0, 0, 0]).view(1, 3, 1, 1)
    _assert_alike(path, network((_image() - colour) * white))


@torch.no_grad()
def test_a_graph_counts_however_it_is_written(tmp_path: Path) -> None:
    network = _span()
    path = ncnn_files.span(network).write(tmp_path / "a.param")
    text = path.read_text()
    text = text.replace("0=1 1=1 2=0.5", "0=0 1=1 2=-5.000000e-01")  # -0.5 is added
    text = text.replace(" 1=3 4=1 ", " 11=3 12=1 13=1 14=1 15=1 16=1 1=3 2=1 3=1 4=1 8=0 9=0 ")
    text = text.replace("layer_", "strange/names:").replace("value_", "w")
    path.write_text(text.replace("\n", "\r\n\n"))
    _assert_alike(path, network(_image()))


def _refusal(path: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        cadyq_cli.load(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    assert len(message) < 500
    return message


def _text(old: str, new: str) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        text = path.with_suffix(".param").read_text()
        assert old in text
        path.with_suffix(".param").write_text(text.replace(old, new, 1))

    return change


def _number(count: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        path.with_suffix(".bin").write_bytes(count(path.with_suffix(".bin").read_bytes()))

    return change


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (_text("Sigmoid", "TanH"), "TanH layer_10 belongs to neither"),
        (_text("Sigmoid", "Swish"), "its first layers are Input"),
        (_text("2=0.5", "2=0.25"), "its first layers are Input"),
        (_text(" 4 1 value_4_", " 4 1 value_3_"), "reads value_3_"),
        (_text("value_4_2 value_23", "value_23 value_4_2"), "its first layers are Input"),
        (_text("0=2 1=1 2=2.55", "0=3 1=1 2=2.55"), "BinaryOp layer_3 belongs to neither"),
        (_text("0=1 1=1 2=3", "0=3 1=1 2=1"), "MemoryData layer_1 belongs to neither"),
        (_text("1=3 4=1", "1=3 3=2 4=1"), "Convolution layer_4 belongs to neither"),
        (_text("1=3 4=1", "1=3 4=0"), "Convolution layer_4 belongs to neither"),
        (_text("1=3 4=1", "1=3 4=1 9=2"), "Convolution layer_4 belongs to neither"),
        (_text("1=3 4=1", "1=1 4=0"), "conv_1.weight has the shape (6, 27, 1, 1)"),
        (_text("0=6 1=3", "0=5 1=3"), "cannot have 162 weights and 5 outputs"),
        (_text("6=162", "6=1620000000"), "its .bin ends before the 1620000000 numbers"),
        (_text("6=162", "6=1e999"), "has the setting 6=1e999"),
        (_text("6=162", "6=" + "9" * 5000), "has the setting 6=9999"),
        (_text("0=6 1=3", "six=6"), "has the setting six=6"),
        (_text("PixelShuffle", "PixelShuffle x 1 1 value_5 more 1=1\nPixel"), "layers where"),
        (_text("data", "image"), "reads data"),
        (_text("7767517", "85"), "does not begin with ncnn's number 7767517"),
        (_text("7767517", "\0" * 9), "does not begin"),
        (_text("Swish layer_6", "Swish"), "which is no layer"),
        (_text("Swish layer_6 1 1", "Swish layer_6 9 1"), "lacks names"),
        (_number(lambda content: content[:-1]), "its .bin ends before"),
        (_number(lambda content: content[:9]), "its .bin ends before"),
        (_number(lambda _: b""), "its .bin ends before"),
        (_number(lambda content: content + bytes(4)), "its .bin has 4 bytes more"),
        (
            _number(lambda content: content[:12] + struct.pack("<I", 0x000D4B38) + content[16:]),
            "weights in another form than float32 and float16",
        ),
        (lambda path: path.with_suffix(".bin").unlink(), "a.bin is not beside it"),
        (lambda path: path.write_bytes(b"\xff" * 2**21), "a.param has more than 1048576 bytes"),
        (lambda path: path.write_bytes(b"\xff" * 99), "its .param is no text"),
    ],
)
def test_other_graphs_and_numbers_are_refused(
    change: Callable[[Path], None], reason: str, tmp_path: Path
) -> None:
    path = ncnn_files.span(_span(), mean=DIV2K, white=255).write(tmp_path / "a.param")
    change(path)
    assert reason in _refusal(path)


def test_numbers_without_a_graph_are_told_by_what_is_missing(tmp_path: Path) -> None:
    path = ncnn_files.compact(_compact()).write(tmp_path / "a.bin")
    path.with_suffix(".param").unlink()
    assert "one of ncnn's two files, and a.param is not beside it" in _refusal(path)


def test_a_network_that_shrinks_its_result_is_told_by_that(tmp_path: Path) -> None:
    writer = ncnn_files.compact(_compact())
    writer.add("Interp", ["output"], "0=3 1=0.5 2=0.5", out="shrunk")
    assert "ends with Interp layer_11" in _refusal(writer.write(tmp_path / "a.param"))


def test_two_images_are_not_taken_for_one(tmp_path: Path) -> None:
    writer = ncnn_files.compact(_compact(1))
    writer.layers[-1] = ("BinaryOp", [writer.layers[-2][2], "second"], "output", "")
    writer.layers.insert(0, ("Input", [], "second", ""))
    path = writer.write(tmp_path / "a.param")
    assert "not recognized as compact or span" in _refusal(path)


def test_doublings_take_no_memory(tmp_path: Path) -> None:
    writer = Writer(half=False)
    value = "data"
    for _ in range(2000):
        value = writer.add("Concat", [value, value])
    assert "not recognized" in _refusal(writer.write(tmp_path / "a.param"))


def test_models_tells_of_either_file(tmp_path: Path) -> None:
    for name in ("mine.param", "mine.bin"):
        path = ncnn_files.compact(_compact()).write(tmp_path / name)
        told = CliRunner().invoke(app, ["models", str(path)])
        assert told.stdout.startswith(f"{name}: compact x2, float"), told.output
        assert f"read from {name}" in told.stdout


def test_a_pytorch_checkpoint_may_be_called_bin(tmp_path: Path) -> None:
    network = _compact()
    torch.save(network.state_dict(), tmp_path / "a.bin")
    with torch.no_grad():
        _assert_alike(tmp_path / "a.bin", network(_image()))


def test_half_precision_is_padded_as_ncnn_pads_it() -> None:
    writer = Writer(half=True)
    conv = nn.Conv2d(3, 1, 1)  # three halves take 8 bytes, not 6
    nn.init.constant_(cast("Tensor", conv.bias), 0.25)
    writer.convolution(conv, "data")
    assert len(writer.numbers) == 4 + 8 + 4
    assert struct.unpack("<f", writer.numbers[-4:]) == (0.25,)
