"""The tail of a SPAN, fitted after training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_networks import tiny

from cadyq_cli.errors import InputError
from cadyq_cli.training.data.crops import Crops
from cadyq_cli.training.learning.losses import psnr_loss, wrong_anyway
from cadyq_cli.training.recipes.plan import Plan
from cadyq_cli.training.starts.span import refit_tail

FLOOR = 20.0
PHOTO = Path(__file__).parents[2] / "images" / "photo.png"


def test_a_tail_is_found_again_from_what_it_made() -> None:
    network = tiny("span", 2, "float")
    low = torch.rand(8, 3, 24, 24, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        made = network.eval()(low)[0]
        tail = network.backbone.get_submodule("tail")
        for parameter in tail.parameters():
            parameter.add_(0.3 * torch.rand_like(parameter))
        changed = network(low)[0]
        refit_tail(network, [(low[:4], made[:4]), (low[4:], made[4:])], floor=FLOOR)
        found = network(low)[0]
    assert float((changed - made).abs().max()) > 1e-2
    assert float((found - made).abs().max()) < 1e-4


def test_no_other_tail_loses_less_on_its_crops() -> None:
    network = tiny("span", 2, "float")
    low, high = Crops([PHOTO], 2, seed=3).batch(0, 32, 24)
    with torch.no_grad():
        wrong = wrong_anyway(network.eval()(low)[0], high, floor=FLOOR)

        def loss() -> float:
            inside = (..., slice(12, -12), slice(12, -12))
            return float(psnr_loss(network(low)[0][inside], high[inside], wrong))

        before = loss()
        refit_tail(network, [(low, high)], floor=FLOOR)
        least = loss()
        assert least < before
        torch.manual_seed(0)
        for parameter in network.backbone.get_submodule("tail").parameters():
            for _ in range(5):
                change = 0.03 * parameter.std() * torch.randn_like(parameter)
                parameter.add_(change)
                assert loss() > least
                parameter.sub_(change)


@pytest.mark.parametrize("backbone", ["edsr", "carn", "idn", "srresnet"])
def test_only_a_span_can_be_told_to(backbone: str) -> None:
    changes: dict[str, Any] = {"backbone": backbone, "refit_tail": True}
    with pytest.raises(InputError, match="refit_tail is for a span"):
        Plan(scale=2).with_changes(changes)
