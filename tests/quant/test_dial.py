"""Prices of bits lead to the averages that a dial says."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tiny_networks import tiny

from cadyq_cli.quant.dial import dial_of
from cadyq_cli.quant.prices import Scored, price_of


def test_a_price_is_what_the_dearer_widths_must_be_worth() -> None:
    """Two patches, 4 or 8 bit: for one the wide one scores 2 more, for the other 6."""
    site = Scored(np.array([[0.0, 2.0], [0.0, 6.0]]), np.array([4.0, 8.0]))
    assert price_of([site], 4) == pytest.approx(6 / 4)
    assert price_of([site], 6) == pytest.approx(2 / 4)
    assert site.average(1.0) == 6
    assert site.average(0.0) == 8


def test_each_price_leads_to_its_average() -> None:
    network = tiny("edsr", 2, "dynamic", layers={"widths": (4, 5, 6, 7, 8)})
    batches = torch.rand(6, 8, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    batches *= torch.rand(6, 8, 1, 1, 1, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        dial = dial_of(network, [network(batch)[1] for batch in batches])
    assert dial["bits"] == sorted(dial["bits"])
    assert dial["prices"] == sorted(dial["prices"], reverse=True)
    assert (dial["bits"][0], dial["bits"][-1]) == (4.05, 7.95)
    for bits, price in zip(dial["bits"], dial["prices"], strict=True):
        network.price = price
        with torch.no_grad():
            found = torch.cat([network(batch)[1].average_bits() for batch in batches]).mean()
        assert found.item() == pytest.approx(bits, abs=0.25)
