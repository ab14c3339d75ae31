"""Selectors fitted to measured costs spend bits where rounding hurts."""

from __future__ import annotations

import pytest
import torch
from tiny_networks import tiny
from torch import Tensor, nn

from cadyq_cli.quant.ranges import fit_ranges
from cadyq_cli.quant.selection import fit_selectors
from cadyq_cli.quant.sites import DynamicSite
from cadyq_cli.quant.trace import Trace


class _Amplifier(nn.Module):
    """Two sites side by side; what passes the second counts twice as much in the output."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(()))
        self.plain = DynamicSite("plain", 3, (4, 6, 8), relative=True)
        self.loud = DynamicSite("loud", 3, (4, 6, 8), relative=True)

    def forward(self, x: Tensor) -> tuple[Tensor, Trace]:
        trace = Trace(torch.full((len(x), 2), 0.1))
        plain, loud = x * self.gain, x * self.gain
        output = self.plain(plain, trace).dense() + 2 * self.loud(loud, trace).dense()
        return output, trace


@pytest.fixture(autouse=True)
def bounds_follow_every_image(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cadyq_cli.quant.ranges.USUAL", 0.0)


@pytest.fixture
def batches() -> list[Tensor]:
    """Images of four strengths."""
    generator = torch.Generator().manual_seed(8)
    strengths = torch.tensor([0.25, 0.5, 1.0, 2.0]).repeat(4).view(-1, 1, 1, 1)
    return [torch.randn(16, 3, 10, 10, generator=generator) * strengths for _ in range(4)]


def _widths(network: _Amplifier, batch: Tensor) -> dict[str, list[float]]:
    with torch.no_grad():
        _, trace = network(batch)
    return {site: bits[:4].tolist() for site, bits in trace.bits.items()}


def test_strong_images_and_sensitive_sites_get_more_bits(batches: list[Tensor]) -> None:
    """Relative rounding errs in proportion to the image, and the loud site counts twice."""
    network = _Amplifier()
    fit_ranges(network, lambda: [network(batch)[1] for batch in batches])
    fit_selectors(network, network, batches, target_bits=6.0)
    widths = _widths(network, batches[0])
    for site in ("plain", "loud"):
        assert widths[site] == sorted(widths[site])
    assert sum(widths["loud"]) > sum(widths["plain"])
    assert len(set(widths["loud"])) > 1


@pytest.mark.parametrize("target", [4.5, 5.5, 7.0])
def test_the_average_width_comes_out_near_the_target(target: float, batches: list[Tensor]) -> None:
    """As near as can be: eight kinds of choices (strength and site) move it by a quarter bit."""
    network = _Amplifier()
    fit_ranges(network, lambda: [network(batch)[1] for batch in batches])
    fit_selectors(network, network, batches, target_bits=target)
    with torch.no_grad():
        average = torch.cat([network(batch)[1].average_bits() for batch in batches]).mean()
    assert average.item() == pytest.approx(target, abs=0.25)


def test_an_error_counts_less_where_the_output_is_wrong_anyway(batches: list[Tensor]) -> None:
    """Strong images far from their truth are worth fewer bits than strong images near it."""

    def strong_bits(distance: float) -> float:
        network = _Amplifier()
        fit_ranges(network, lambda: [network(batch)[1] for batch in batches])
        off = torch.tensor([0.01, 0.01, 0.01, distance]).repeat(4).view(-1, 1, 1, 1)
        truths = [3 * batch + off for batch in batches]
        fit_selectors(network, network, batches, target_bits=5.5, truths=truths)
        return sum(bits[3] for bits in _widths(network, batches[0]).values())

    assert strong_bits(0.01) > strong_bits(10.0)


def test_nothing_but_the_selectors_changes() -> None:
    network = tiny("edsr", 2)
    before = {k: v.clone() for k, v in network.state_dict().items()}
    fit_selectors(network, network, [torch.rand(4, 3, 8, 8)], target_bits=5.0)
    changed = {k for k, v in network.state_dict().items() if not torch.equal(v, before[k])}
    assert changed
    assert all(".selector." in name for name in changed)
    assert all(p.grad is None for p in network.parameters())
