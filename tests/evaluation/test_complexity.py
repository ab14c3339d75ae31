"""What networks cost, against the papers' figures, PyTorch's own counter, and by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tiny_networks import TINY, tiny, work_of
from torch.utils.flop_counter import FlopCounterMode

from cadyq_cli.evaluation.complexity import (
    REFERENCE_SIZE,
    Workload,
    bit_operations,
    energy_of_mac,
)
from cadyq_cli.networks import Card, Network


def full(backbone: str, precision: str = "dynamic", scale: int = 4, **settings: bool) -> Workload:
    """The papers' size."""
    card = Card(backbone=backbone, settings={"scale": scale} | settings, precision=precision)
    return work_of(Network(card))


@pytest.mark.parametrize("precision", ["float", "static", "dynamic"])
@pytest.mark.parametrize(
    ("backbone", "quantized", "unquantized"),
    [
        ("edsr", 67.95, 46.28),
        ("srresnet", 67.95, 59.82),
        ("carn", 38.22, 52.65),
        ("idn", 29.56, 4.38),
        ("span", 22.69, 1.80),
    ],
)
def test_macs_at_1280x720_are_those_of_the_papers(
    backbone: str, precision: str, quantized: float, unquantized: float
) -> None:
    workload = full(backbone, precision)
    parts = [workload.macs(REFERENCE_SIZE, quantizable=part) / 1e9 for part in (True, False)]
    assert [round(part, 2) for part in parts] == [quantized, unquantized]
    assert workload.macs(REFERENCE_SIZE) / 1e9 == pytest.approx(sum(parts))


@pytest.mark.parametrize("backbone", TINY)
def test_quantized_edges_cost_as_many_macs_of_few_bits(backbone: str) -> None:
    plain = work_of(tiny(backbone, 2))
    workload = work_of(tiny(backbone, 2, layers={"edges": "static"}))
    for quantizable in (True, False):
        macs = [w.macs((8, 8), quantizable=quantizable) for w in (plain, workload)]
        assert macs[0] == macs[1]
    edges = [c for c in workload.convolutions if not c.quantizable]
    first = [] if backbone == "idn" else [32]  # the one that reads the image
    assert [c.weight_bits for c in edges] == first + [8] * (len(edges) - len(first))
    signed = 8 if backbone == "carn" else 9
    assert edges[-1].bits == signed  # after a ReLU there is no sign
    assert len(edges) > len(first)
    assert workload.bytes < plain.bytes


@pytest.mark.parametrize("scale", [2, 4])
@pytest.mark.parametrize("backbone", TINY)
def test_macs_agree_with_pytorchs_counter(backbone: str, scale: int) -> None:
    network = tiny(backbone, scale, "float")
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(torch.rand(1, 3, 10, 14))
    convolutions = counter.get_flop_counts()["Global"]
    flops = sum(n for op, n in convolutions.items() if "convolution" in str(op))
    size = 10 * scale, 14 * scale
    # Their counter also includes the fixed filter that finds the image's gradient.
    own = work_of(network).macs(size)
    assert own <= flops / 2 <= own + 10 * 14 * 2 * 9 * 3
    assert work_of(network).macs(size) == own


def test_every_quantized_convolution_is_charged_to_the_site_it_reads() -> None:
    found = {c.name: c for c in work_of(tiny("edsr")).convolutions}
    assert {name: c.site for name, c in found.items() if c.quantizable} == {
        "blocks.0.conv1": "block1.1",
        "blocks.0.conv2": "block1.2",
        "blocks.1.conv1": "block2.1",
        "blocks.1.conv2": "block2.2",
    }
    assert found["blocks.0.conv1"].weight_bits == 8
    assert {c.weight_bits for c in found.values() if not c.quantizable} == {32}


def test_mean_bits_weighs_each_site_by_its_work() -> None:
    workload = work_of(tiny("idn"))
    macs = {c.site: c.macs for c in workload.convolutions if c.site}
    widths = {site: np.array([4, 4], np.uint8) for site in macs}
    chosen = max(macs, key=macs.__getitem__)
    widths[chosen] = np.array([4, 8], np.uint8)
    fixed = sum(c.macs for c in workload.convolutions if c.quantizable and c.site is None)
    expected = (4 * sum(macs.values()) + 2 * macs[chosen] + 8 * fixed) / (
        sum(macs.values()) + fixed
    )
    assert fixed > 0
    assert workload.mean_bits(widths) == pytest.approx(expected)


def test_an_input_that_only_counts_as_quantized_has_32_bits() -> None:
    """The released code's SRResNet: the first convolution of a block reads unrounded values."""
    network = tiny("srresnet", first_conv_unquantized=True)
    bits = {c.name: c.input_bits(_alike(4)) for c in work_of(network).convolutions}
    assert bits["blocks.0.conv1"] == 32
    assert bits["blocks.0.conv2"] == 4


def _alike(bits: int) -> dict[str, NDArray[np.uint8]]:
    sites = [f"block{block}.{part}" for block in (1, 2) for part in (1, 2)]
    return {site: np.array([bits], np.uint8) for site in sites}


def test_bit_operations_are_the_hand_computed_ones() -> None:
    """EDSR with the authors' 6.09 bits on Urban100."""
    counts = bit_operations(full("edsr"), REFERENCE_SIZE, 6.09)
    assert counts["whole"] / 1024 / 1e9 == pytest.approx(46.28 + 8 / 32 * 6.09 / 32 * 67.95, 1e-3)
    assert counts["whole-a2"] / 1024 / 1e9 == pytest.approx(46.28 + (6.09 / 32) ** 2 * 67.95, 1e-3)
    assert counts["quantized"] / 1e12 == pytest.approx(8 * 6.09 * 67.95e-3, 1e-3)


def test_a_float_network_costs_1024_bit_operations_a_mac() -> None:
    counts = bit_operations(full("edsr", "float"), REFERENCE_SIZE, 32)
    assert counts["whole"] == counts["whole-a2"]
    assert counts["whole"] / 1e12 == pytest.approx((67.95 + 46.28) * 1.024, 1e-3)
    assert counts["quantized"] / 1e12 == pytest.approx(67.95 * 1.024, 1e-3)


def test_energy_of_a_mac_is_in_the_published_table() -> None:
    """Horowitz 2014: 8 bit, product 0.2 pJ and 32-bit sum 0.1 pJ; float 3.7 and 0.9 pJ."""
    assert energy_of_mac(8, 8) == pytest.approx(0.3e-12)
    assert energy_of_mac(32, 32) == pytest.approx(4.6e-12)
    assert energy_of_mac(8, 4) == pytest.approx(0.2e-12)
    assert energy_of_mac(8, 32) == energy_of_mac(32, 32)


def test_energy_adds_up_over_the_network() -> None:
    workload = full("edsr")
    widths = {c.site: np.array([8, 4], np.uint8) for c in workload.convolutions if c.site}
    expected = 67.95e9 * 0.25e-12 + 46.28e9 * 4.6e-12
    assert workload.energy(REFERENCE_SIZE, widths) == pytest.approx(expected, 1e-3)


def test_weights_take_4_bytes_and_quantized_ones_1() -> None:
    assert full("edsr", "float").bytes == 4 * full("edsr", "float").parameters
    quantized = 32 * 64 * 64 * 9
    static = full("edsr", "static")
    assert static.bytes == 4 * static.parameters - 3 * quantized
