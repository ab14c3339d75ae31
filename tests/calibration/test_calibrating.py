"""Float networks become quantized ones that do nearly the same, from pictures alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from reference_kernels import ReferenceKernels
from tiny_networks import TINY, tiny

from cadyq_cli.calibration.calibrating import Calibrated, calibrated
from cadyq_cli.calibration.crops import crops_of
from cadyq_cli.calibration.settings import Settings
from cadyq_cli.degradations.naming import degradation_of
from cadyq_cli.errors import InputError
from cadyq_cli.networks import Network, load, shipped
from cadyq_cli.opening import executable_of
from cadyq_cli.quant.layers import QuantConv
from cadyq_cli.quant.sites import QuantSite
from cadyq_cli.training.data.photographs import read_pixels


def pictures(count: int = 16) -> list[NDArray[np.uint8]]:
    """Waves of several lengths and contrasts, with a little noise."""
    random = np.random.default_rng(1)
    y, x = np.mgrid[:150, :140]
    made = []
    for _ in range(count):
        angle, length = random.uniform(0, np.pi), random.uniform(5, 60)
        wave = np.sin((np.cos(angle) * x + np.sin(angle) * y) / length)
        tints = random.uniform(10, 110, 3) * wave[:, :, None] + 128
        noise = random.normal(0, random.uniform(0, 6), tints.shape)
        made.append((tints + noise).clip(0, 255).astype(np.uint8))
    return made


def made_uneven(network: Network) -> Network:
    """The same network with channels of very different strengths, as folded ones have them."""
    random = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for name, weight in network.backbone.named_parameters():
            if weight.ndim == 4 and "head" not in name:
                strength = torch.rand(len(weight), generator=random) * 6 - 3
                weight.mul_(strength.exp().view(-1, 1, 1, 1))
    return network


def distance(network: Network, source: Network) -> float:
    """Root of the mean squared difference over unseen crops, as a share of the result's spread."""
    low = crops_of(pictures()[:6], source.scale, 6, np.random.default_rng(9)).low
    with torch.no_grad():
        exact, found = source(low)[0], network(low)[0]
    return float((found - exact).square().mean().sqrt() / exact.std())


@pytest.fixture(autouse=True)
def few_crops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cadyq_cli.calibration.calibrating.CROPS", (12, 12))
    monkeypatch.setattr("cadyq_cli.calibration.calibrating.HELD_OUT", 8)
    monkeypatch.setattr("cadyq_cli.quant.selection.LEARNING_STEPS", 150)


def quick(source: Network, **aims: Any) -> Calibrated:
    return calibrated(source, pictures(), Settings(seconds=1, **aims))


@pytest.mark.parametrize("backbone", TINY)
def test_every_backbone_does_nearly_the_same_in_8_bit(backbone: str) -> None:
    source = tiny(backbone, 2, "float")
    network = quick(source, static=True).network
    assert network.card.precision == "static"
    assert distance(network, source) < 0.03


@pytest.mark.parametrize("left_out", ["channel_ranges", "offsets"])
def test_ranges_and_offsets_of_channels_bring_something(left_out: str) -> None:
    source = made_uneven(tiny("span", 2, "float"))
    with_it = distance(quick(source, static=True).network, source)
    without = distance(quick(source, static=True, **{left_out: False}).network, source)
    assert with_it < without


def test_steps_of_outputs_and_error_feedback_bring_something(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With weights of few bits, in a trained network and on a photograph."""
    monkeypatch.setattr("cadyq_cli.calibration.calibrating.CROPS", (4, 4))
    monkeypatch.setattr("cadyq_cli.calibration.calibrating.HELD_OUT", 3)
    source = load(shipped.folder() / "span-float-x4.safetensors")
    photo = read_pixels(Path(__file__).parents[1] / "images" / "photo.png")
    turned = [np.rot90(photo, i)[:: 1 - 2 * (i // 4)].copy() for i in range(8)]

    def psnr(**aims: Any) -> float:
        settings = Settings(static=True, weight_bits=4, seconds=1.0, narrow_bounds=False, **aims)
        return calibrated(source, turned, settings).fidelity.psnr

    with_both = psnr()
    assert with_both > psnr(channel_steps=False) + 1
    assert with_both > psnr(error_feedback=False) + 1


def test_biases_take_off_what_rounding_adds_on_average() -> None:
    source = made_uneven(tiny("edsr", 2, "float"))
    low = crops_of(pictures(), 2, 16, np.random.default_rng(0)).low

    def shift(**aims: bool) -> float:
        network = quick(source, static=True, bits=4, error_feedback=False, **aims).network
        with torch.no_grad():
            difference = network(low)[0] - source(low)[0]
        return float(difference.mean((0, 2, 3)).abs().max())

    assert shift() < 0.5 * shift(biases=False)


@pytest.mark.parametrize("bits", [4.5, 6.0, 7.5])
def test_by_content_the_average_is_what_was_asked_for(bits: float) -> None:
    found = quick(tiny("edsr", 2, "float"), bits=bits)
    assert found.network.card.precision == "dynamic"
    assert found.fidelity.bits == pytest.approx(bits, abs=0.4)


def test_without_an_average_no_more_bits_are_spent_than_are_needed() -> None:
    found = quick(tiny("edsr", 2, "float"))
    at_most = quick(tiny("edsr", 2, "float"), bits=8, widths=(4, 8)).fidelity
    assert found.fidelity.bits < 8
    assert found.fidelity.expected_loss <= 0.05 or at_most.expected_loss > 0.05


def test_fewer_bits_are_further_from_the_float_network() -> None:
    source = tiny("edsr", 2, "float")
    few, many = (quick(source, static=True, bits=bits).fidelity for bits in (3, 8))
    assert few.psnr < many.psnr - 3
    assert few.expected_loss > many.expected_loss


def test_narrow_weights_have_as_many_codes_as_their_width_allows() -> None:
    network = quick(tiny("edsr", 2, "float"), static=True, weight_bits=3).network
    inner = [m for m in network.modules() if isinstance(m, QuantConv)]
    assert inner
    for module in inner:
        codes, _ = module.weight_codes()
        assert codes.abs().max() == 3


def test_the_engine_computes_what_was_calibrated() -> None:
    network = quick(made_uneven(tiny("span", 2, "float")), bits=6).network
    patch = (pictures()[0][:40, :40] / np.float32(255)).astype(np.float32)
    expected = network.run(patch)
    found = executable_of(network, ReferenceKernels()).run(patch)
    assert {k: v.bits for k, v in found.choices.items()} == {
        k: v.bits for k, v in expected.choices.items()
    }
    assert np.abs(found.pixels - expected.pixels).max() < 1 / 255


def test_a_network_that_restores_is_calibrated_on_what_it_is_for() -> None:
    """Noise has what clean waves lack: values beyond their range."""
    source = tiny("span", 1, "float")

    def widest(**aims: Any) -> float:
        bounds = [
            m.span
            for m in quick(source, static=True, **aims).network.modules()
            if isinstance(m, QuantSite)
        ]
        return float(torch.cat(bounds).sum())

    assert widest(degradation=degradation_of("noise40")) > 1.05 * widest()


def test_a_quantized_network_is_refused() -> None:
    with pytest.raises(InputError, match="dynamic already"):
        quick(tiny("edsr", 2, "dynamic"))


@pytest.mark.parametrize(
    "aims",
    [{"widths": (1,)}, {"widths": (4, 4)}, {"bits": 3.0}, {"bits": 4.5, "static": True}],
)
def test_aims_that_cannot_be_are_refused(aims: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"widths|bits"):
        Settings(**aims)
