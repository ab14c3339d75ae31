"""Compact (SRVGGNetCompact of Wang et al., Real-ESRGAN, ICCV workshops 2021): a plain chain."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from cadyq_cli.backbones.parts import conv3x3
from cadyq_cli.quant.layers import Layers
from cadyq_cli.quant.trace import Trace


@dataclass(frozen=True, kw_only=True)
class CompactConfig:
    """`convolutions` are those between the first and the last one. Scale 1 restores a picture."""

    scale: int
    features: int = 64
    convolutions: int = 16


class Step(nn.Module):
    """A convolution, and an activation with a slope for each feature."""

    def __init__(self, name: str, features: int, layers: Layers) -> None:
        super().__init__()
        self.name = name
        self.site = layers.site(name, features)
        self.conv = layers.conv(conv3x3(features, features))
        self.act = nn.PReLU(features)

    def forward(self, x: Tensor, trace: Trace) -> Tensor:
        output: Tensor = self.act(self.conv(self.site(x, trace)))
        trace.feature(self.name, output)
        return output


class Compact(nn.Module):
    """RGB (N, 3, H, W), range 0..1, to the same `scale` times as large.

    Its result is added to the input enlarged by nearest neighbour.
    """

    def __init__(self, config: CompactConfig, layers: Layers) -> None:
        super().__init__()
        n = config.features
        self.copies = config.scale**2
        self.head = layers.head(conv3x3(3, n))
        self.act = nn.PReLU(n)
        self.steps = nn.ModuleList(
            Step(f"conv{i}", n, layers) for i in range(1, config.convolutions + 1)
        )
        self.tail = layers.outer("tail", conv3x3(n, 3 * self.copies))
        self.shuffle = nn.PixelShuffle(config.scale)

    def forward(self, x: Tensor, trace: Trace) -> Tensor:
        body = self.act(self.head(x))
        for step in self.steps:
            body = step(body, trace)
        trace.feature("last", body)
        # Shuffled, copies of a channel are that channel enlarged by nearest neighbour.
        copied = [x[:, i : i + 1] for i in range(3) for _ in range(self.copies)]
        output: Tensor = self.shuffle(self.tail(body) + torch.cat(copied, dim=1))
        return output
