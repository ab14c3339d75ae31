"""CARN (Ahn et al., ECCV 2018): residual blocks in cascades, with 1x1 convolutions between."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from cadyq_cli.backbones.parts import conv3x3, mean_of, upsampling_factors
from cadyq_cli.quant.layers import Layers
from cadyq_cli.quant.trace import Trace

STAGES = 3  # blocks in the network, and residual blocks in each of them


@dataclass(frozen=True, kw_only=True)
class CarnConfig:
    """`scale` is the one that runs; with `multi_scale` the network has upsamplers for all three."""

    scale: int
    features: int = 64
    multi_scale: bool = True


class ResidualBlock(nn.Module):
    """Two convolutions beside an unquantized skip path."""

    def __init__(self, name: str, features: int, layers: Layers, *, nonnegative: bool) -> None:
        super().__init__()
        self.name = name
        self.site1 = layers.site(f"{name}.1", features, nonnegative=nonnegative)
        self.conv1 = layers.conv(conv3x3(features, features))
        self.site2 = layers.site(f"{name}.2", features, nonnegative=True)
        self.conv2 = layers.conv(conv3x3(features, features))

    def forward(self, x: Tensor, trace: Trace) -> Tensor:
        inner = self.conv1(self.site1(x, trace)).relu_()
        residual: Tensor = self.conv2(self.site2(inner, trace))
        trace.feature(self.name, residual)
        return (residual + x).relu_()


class CascadingBlock(nn.Module):
    """Residual blocks; a 1x1 convolution joins the outputs of all before the next one."""

    def __init__(self, name: str, features: int, layers: Layers, *, nonnegative: bool) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            ResidualBlock(f"{name}.{i}", features, layers, nonnegative=nonnegative or i > 1)
            for i in range(1, STAGES + 1)
        )
        self.joins = joins(name, features, layers, nonnegative=nonnegative)

    def forward(self, x: Tensor, trace: Trace) -> Tensor:
        return cascade(self.blocks, self.joins, x, trace)


def joins(name: str, features: int, layers: Layers, *, nonnegative: bool) -> nn.ModuleList:
    """The 1x1 convolutions of a cascade; the i-th one joins i + 1 feature maps."""
    return nn.ModuleList(
        layers.outer(
            f"{name}.join{i}",
            nn.Conv2d((i + 1) * features, features, 1),
            nonnegative=nonnegative,
        )
        for i in range(1, STAGES + 1)
    )


def cascade(blocks: nn.ModuleList, joins: nn.ModuleList, x: Tensor, trace: Trace) -> Tensor:
    outputs = [x]
    for block, join in zip(blocks, joins, strict=True):
        outputs.append(block(x, trace))
        x = join(torch.cat(outputs, dim=1)).relu_()
    return x


def upsampler(features: int, scale: int, layers: Layers) -> nn.Sequential:
    steps: list[nn.Module] = []
    for factor in upsampling_factors(scale):
        name = f"upsampler.x{scale}.{len(steps)}"
        widen = layers.outer(name, conv3x3(features, factor**2 * features), nonnegative=True)
        steps += [widen, nn.ReLU(inplace=True), nn.PixelShuffle(factor)]
    return nn.Sequential(*steps)


class Carn(nn.Module):
    """RGB (N, 3, H, W), range 0..1, to the same `scale` times as large. Works in 0..1 inside."""

    def __init__(self, config: CarnConfig, layers: Layers) -> None:
        super().__init__()
        n = config.features
        self.scale = config.scale
        self.entry = layers.head(conv3x3(3, n))
        self.blocks = nn.ModuleList(
            CascadingBlock(f"block{i}", n, layers, nonnegative=i > 1) for i in range(1, STAGES + 1)
        )
        self.joins = joins("body", n, layers, nonnegative=False)
        scales = (2, 3, 4) if config.multi_scale else (config.scale,)
        self.upsamplers = nn.ModuleDict(
            {f"x{scale}": upsampler(n, scale, layers) for scale in scales}
        )
        self.exit = layers.outer("exit", conv3x3(n, 3), nonnegative=True)

    def forward(self, x: Tensor, trace: Trace) -> Tensor:
        mean = mean_of(x)
        body = cascade(self.blocks, self.joins, self.entry(x - mean), trace)
        trace.feature("last", body)
        output: Tensor = self.exit(self.upsamplers[f"x{self.scale}"](body)) + mean
        return output


@contextmanager
def running_at(backbone: nn.Module, scale: int) -> Iterator[None]:
    """Let a body for several scales run at one of them, as long as the context lasts."""
    if not isinstance(backbone, Carn):
        yield
        return
    before, backbone.scale = backbone.scale, scale
    try:
        yield
    finally:
        backbone.scale = before
