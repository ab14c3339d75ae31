"""SPAN (Wan et al., CVPR workshops 2024): blocks that weigh their features by a symmetric gate."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import hardswish, relu, silu

from cadyq_cli.backbones.parts import DIV2K_MEAN, conv3x3, mean_of
from cadyq_cli.quant.layers import Layers
from cadyq_cli.quant.trace import Trace

ActivationName = Literal["silu", "relu", "hardswish"]
ACTIVATIONS: Mapping[ActivationName, Callable[[Tensor], Tensor]] = {
    "silu": silu,
    "relu": relu,
    "hardswish": hardswish,
}


@dataclass(frozen=True, kw_only=True)
class SpanConfig:
    """The published network has `silu` and the mean of DIV2K.

    Raises:
        ValueError: another activation, fewer than two blocks, or a mean that is no colour.
    """

    scale: int
    features: int = 48
    blocks: int = 6
    activation: ActivationName = "silu"
    mean: tuple[float, ...] = DIV2K_MEAN  # taken off the input; R, G, B, range 0..1

    def __post_init__(self) -> None:
        if self.activation not in ACTIVATIONS:
            raise ValueError(f"activation is one of {', '.join(ACTIVATIONS)}")
        if self.blocks < 2:
            raise ValueError(f"at least 2 blocks, not {self.blocks}")
        if len(self.mean) != 3 or not all(0 <= level <= 1 for level in self.mean):
            raise ValueError(f"mean is three levels from 0 to 1, not {list(self.mean)}")


class AttentionBlock(nn.Module):
    """Three convolutions t of x; returns (t + x) (sigmoid(t) - 1/2), and the first one's result."""

    def __init__(self, name: str, config: SpanConfig, layers: Layers) -> None:
        super().__init__()
        n = config.features
        positive = config.activation == "relu"
        self.name = name
        self.activation = ACTIVATIONS[config.activation]
        self.site1 = layers.site(f"{name}.1", n)
        self.conv1 = layers.conv(conv3x3(n, n))
        self.site2 = layers.site(f"{name}.2", n, nonnegative=positive)
        self.conv2 = layers.conv(conv3x3(n, n))
        self.site3 = layers.site(f"{name}.3", n, nonnegative=positive)
        self.conv3 = layers.conv(conv3x3(n, n))

    def forward(self, x: Tensor, trace: Trace) -> tuple[Tensor, Tensor]:
        first = self.activation(self.conv1(self.site1(x, trace)))
        second = self.activation(self.conv2(self.site2(first, trace)))
        third = self.conv3(self.site3(second, trace))
        trace.feature(self.name, third)
        return (third + x) * (third.sigmoid() - 0.5), first


class Span(nn.Module):
    """RGB (N, 3, H, W), range 0..1, to the same `scale` times as large. Works in 0..255 inside."""

    def __init__(self, config: SpanConfig, layers: Layers) -> None:
        super().__init__()
        n = config.features
        self.mean = config.mean
        self.head = layers.head(conv3x3(3, n))
        self.blocks = nn.ModuleList(
            AttentionBlock(f"block{i}", config, layers) for i in range(1, config.blocks + 1)
        )
        self.site = layers.site("body_end", n)
        self.body_end = layers.conv(conv3x3(n, n))
        self.join = layers.outer("join", nn.Conv2d(4 * n, n, 1))
        self.tail = layers.outer("tail", conv3x3(n, 3 * config.scale**2))
        self.shuffle = nn.PixelShuffle(config.scale)
        self.homogeneous = config.activation == "relu"  # twice the input gives twice the result

    def forward(self, x: Tensor, trace: Trace) -> Tensor:
        head = self.head(x * 255 - mean_of(x, self.mean, white=255))
        body, first = head, head
        outputs = []
        for block in self.blocks:
            body, first = block(body, trace)
            outputs.append(body)
        body = self.body_end(self.site(body, trace))
        joined = self.join(torch.cat([head, body, outputs[0], first], dim=1))
        trace.feature("last", joined)
        output: Tensor = self.shuffle(self.tail(joined)) / 255 + mean_of(x)
        return output
