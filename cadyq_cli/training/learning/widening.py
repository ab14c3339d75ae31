"""Convolutions that are wide while they train: they learn faster, and cost nothing afterwards.

The kernel of each 3x3 convolution is the sum of a 1x1 kernel and of three in a row: 1x1 to more
features, 3x3 among them, 1x1 back (as SPAN is trained, section 3.3). Nothing lies between the
three, so together they are one 3x3 kernel. That is folded at every step, from kernels rather than
features, which are much larger: a step takes hardly longer.
"""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, pad
from torch.nn.init import kaiming_uniform_

from cadyq_cli.networks.network import Network


class WideConv(nn.Module):
    """A 3x3 convolution that has `times` as many features inside."""

    def __init__(self, inputs: int, outputs: int, times: int, *, bias: bool) -> None:
        super().__init__()
        self.point = nn.Parameter(torch.empty(outputs, inputs))
        self.expand = nn.Parameter(torch.empty(times * inputs, inputs))
        self.middle = nn.Parameter(torch.empty(times * outputs, times * inputs, 3, 3))
        self.reduce = nn.Parameter(torch.empty(outputs, times * outputs))
        for part in (self.point, self.expand, self.middle, self.reduce):
            kaiming_uniform_(part, a=5**0.5)  # as PyTorch starts convolutions
        self.bias = nn.Parameter(torch.zeros(outputs)) if bias else None

    def kernel(self) -> Tensor:
        """All parts as one kernel, shape (outputs, inputs, 3, 3)."""
        row = torch.einsum("om,mnhw,ni->oihw", self.reduce, self.middle, self.expand)
        return row + pad(self.point[:, :, None, None], (1, 1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return conv2d(x, self.kernel(), self.bias, padding=1)

    @torch.no_grad()
    def folded(self) -> nn.Conv2d:
        """The plain convolution that does the same."""
        outputs, inputs = self.point.shape
        conv = nn.Conv2d(inputs, outputs, 3, padding=1, bias=self.bias is not None)
        conv.weight.copy_(self.kernel())
        if conv.bias is not None and self.bias is not None:
            conv.bias.copy_(self.bias)
        return conv.to(self.point.device)


def widened(network: Network, times: int, *, seed: int) -> Network:
    """A copy whose ungrouped 3x3 convolutions are wide and random, the same for the same seed."""
    torch.manual_seed(seed)

    def wide(module: nn.Module) -> nn.Module | None:
        if not isinstance(module, nn.Conv2d) or module.kernel_size != (3, 3) or module.groups > 1:
            return None
        conv = WideConv(
            module.in_channels, module.out_channels, times, bias=module.bias is not None
        )
        return conv.to(module.weight.device)

    return _replaced(network, wide)


def folded(network: Network) -> Network:
    """A copy with plain convolutions, of a network that may have wide ones."""
    return _replaced(network, lambda m: m.folded() if isinstance(m, WideConv) else None)


def _replaced(network: Network, new: Callable[[nn.Module], nn.Module | None]) -> Network:
    network = copy.deepcopy(network)
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if (module := new(child)) is not None:
                setattr(parent, name, module)
    return network
