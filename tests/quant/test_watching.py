"""Watching what layers read."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from cadyq_cli.quant.watching import watching


def test_layers_are_watched_until_the_context_ends_even_by_an_error() -> None:
    first, second = nn.Conv2d(1, 2, 1), nn.Conv2d(2, 1, 1)
    network, image = nn.Sequential(first, nn.ReLU(), second), torch.rand(1, 1, 4, 4)
    seen: list[tuple[nn.Module, Tensor]] = []

    def see(module: nn.Module, x: Tensor) -> None:
        seen.append((module, x))
        if module is second:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), watching([first, second], see):
        network(image)
    network(image)
    assert [module for module, _ in seen] == [first, second]
    assert torch.equal(seen[0][1], image)
    assert torch.equal(seen[1][1], first(image).relu())
