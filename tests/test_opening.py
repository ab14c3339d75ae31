from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_networks import tiny
from torch import Tensor, nn
from torch.nn.functional import interpolate

from cadyq_cli.backbones import registry
from cadyq_cli.engine.devices import device_named
from cadyq_cli.engine.executor import Executable
from cadyq_cli.engine.native.library import ISA_VARIABLE
from cadyq_cli.errors import CheckpointError, InputError, UncompilableError
from cadyq_cli.networks import Card, Network, save
from cadyq_cli.opening import Opener
from cadyq_cli.quant.layers import Layers
from cadyq_cli.quant.trace import Trace
from cadyq_cli.upscaling import upscale


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.safetensors"
    save(path, tiny("edsr", 2), compact=True)
    return path


@pytest.fixture
def _no_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ISA_VARIABLE, "abacus")


@pytest.mark.parametrize("engine", ["auto", "int8"])
def test_the_kernels_run_a_network_on_the_processor(weights: Path, engine: str) -> None:
    told: list[str] = []
    opener = Opener(engine=engine, device="cpu", threads=3, tell=told.append)
    for runner in (opener.open(weights), opener.adopt(tiny("edsr", 2))):
        assert isinstance(runner, Executable)
        assert (runner.scale, runner.threads) == (2, 3)
    assert not told


def test_pytorch_runs_it_where_that_is_asked_for(weights: Path) -> None:
    opener = Opener(engine="float")
    network = tiny("edsr", 2)
    assert isinstance(opener.open(weights), Network)
    assert opener.adopt(network) is network


@pytest.mark.parametrize("compact", [True, False])
def test_no_network_is_traced_after_opening_as_that_disturbs_other_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compact: bool
) -> None:
    path = tmp_path / "tiny.safetensors"
    save(path, tiny("edsr", 2), compact=compact)
    runner = Opener(engine="float").open(path)
    monkeypatch.delattr("torch.fx.Tracer.trace")
    pixels = np.zeros((40, 40, 3), np.uint8)
    assert upscale(runner, pixels, tile=32).pixels.shape == (80, 80, 3)


@pytest.mark.usefixtures("_no_kernels")
def test_without_kernels_pytorch_runs_it_and_that_is_told_once(weights: Path) -> None:
    told: list[str] = []
    opener = Opener(device="cpu", tell=told.append)
    assert isinstance(opener.open(weights), Network)
    assert isinstance(opener.open(weights), Network)
    (line,) = told
    assert line.startswith("this processor cannot run the abacus kernels; PyTorch computes instead")


@pytest.mark.usefixtures("_no_kernels")
def test_without_kernels_int8_is_refused() -> None:
    with pytest.raises(InputError, match=r"`engine` int8: .* abacus .*; `engine` float works"):
        Opener(engine="int8")


def test_int8_computes_on_no_gpu() -> None:
    with pytest.raises(InputError, match="computes on the CPU, not on `device` cuda:1"):
        Opener(engine="int8", device="cuda:1")


def test_a_gpu_that_is_not_there_is_refused() -> None:
    with pytest.raises(InputError, match="`device` cuda:99: PyTorch finds no such GPU"):
        device_named("cuda:99")


@pytest.mark.parametrize(
    ("threads", "images", "share"), [(4, 1, 4), (4, 2, 2), (4, 3, 1), (1, 1, 1), (2, 5, 1)]
)
def test_images_at_a_time_share_the_threads(
    weights: Path, threads: int, images: int, share: int
) -> None:
    opener = Opener(engine="int8", threads=threads)
    assert opener.open(weights, images=images).threads == share
    assert opener.usual_images <= threads


def test_a_shipped_network_is_opened_by_its_name() -> None:
    assert Opener(device="cpu").open("edsr-x3").scale == 3
    with pytest.raises(InputError, match=r"there are: .*edsr-x3"):
        Opener(device="cpu").open("edsr-x9")


def test_an_engine_that_there_is_not_is_refused() -> None:
    with pytest.raises(InputError, match="no engine 'in8'; choose from auto, int8, float"):
        Opener(engine="in8")


def test_threads_are_as_many_as_other_programs_are_told_to_use(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    assert Opener(engine="int8").open(weights).threads == 7


def test_pytorch_takes_the_share_of_an_image() -> None:
    before = torch.get_num_threads()
    try:
        Opener(engine="float", device="cpu", threads=6).prepare(2)
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("engine", ["auto", "float"])
def test_what_is_no_network_is_an_error_of_its_file(tmp_path: Path, engine: str) -> None:
    path = tmp_path / "w.safetensors"
    path.write_bytes(b"rubbish")
    with pytest.raises(CheckpointError, match=r"w\.safetensors: is no weights file"):
        Opener(engine=engine, device="cpu").open(path)


@dataclass(frozen=True)
class _BentConfig:
    scale: int = 2


class _Bent(nn.Module):
    """Enlarges by repetition, by way of an operation that the engine lacks."""

    def __init__(self, config: _BentConfig, layers: Layers) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 1)
        self.scale = config.scale

    def forward(self, x: Tensor, trace: Trace) -> Tensor:
        return interpolate(self.conv(x).tanh(), scale_factor=self.scale)


def test_a_network_that_the_kernels_cannot_run_runs_in_pytorch_unless_they_are_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "classes_of", lambda _: (_BentConfig, _Bent))
    network = Network(Card(backbone="bent", settings={"scale": 2})).eval()
    save(tmp_path / "bent.safetensors", network)
    image = np.random.default_rng(0).integers(0, 256, (9, 11, 3), np.uint8)
    with torch.no_grad():
        values = torch.from_numpy(image).permute(2, 0, 1) / 255
        bent = (
            torch.tanh(network.backbone.get_submodule("conv")(values))
            .permute(1, 2, 0)
            .repeat_interleave(2, 0)
        )
    expected = (255 * bent.repeat_interleave(2, 1)).add(0.5).floor().clip(0, 255).numpy()
    told: list[str] = []
    opener = Opener(device="cpu", tell=told.append)
    for runner in (opener.open(tmp_path / "bent.safetensors"), opener.adopt(network)):
        assert np.abs(upscale(runner, image).pixels - expected).max() <= 1  # pure white stays so
    assert ["tanh" in line and "PyTorch" in line for line in told] == [True, True]
    with pytest.raises(UncompilableError, match=r"tanh.*`engine` float runs it"):
        Opener(engine="int8").open(tmp_path / "bent.safetensors")
