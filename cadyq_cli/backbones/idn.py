"""IDN (Hui et al., CVPR 2018): information distillation blocks and one deconvolution."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, leaky_relu_

from cadyq_cli.backbones.parts import conv3x3
from cadyq_cli.quant.layers import Layers
from cadyq_cli.quant.trace import Trace

SLOPE = 0.05  # of every leaky ReLU
GROUPS = 4  # of the middle convolution of an enhancement unit


@dataclass(frozen=True, kw_only=True)
class IdnConfig:
    """`difference` is d, the steps in width between convolutions; 1 / `slices` of the features
    skip the lower half of a block (s).

    Raises:
        ValueError: a convolution would be left without features.
    """

    scale: int
    features: int = 64
    blocks: int = 4
    difference: int = 16
    slices: int = 4

    def __post_init__(self) -> None:
        narrowest = min(self.features - 2 * self.difference, self.features // self.slices)
        if narrowest < 1 or self.slices < 2:
            raise ValueError(
                f"{self.features} features are too few for a difference of {self.difference} and"
                f" {self.slices} slices"
            )


def leaky(x: Tensor) -> Tensor:
    return leaky_relu_(x, SLOPE)


class FeatureBlock(nn.Module):
    """The first two convolutions, with fixed sites of 8 bit."""

    def __init__(self, features: int, layers: Layers) -> None:
        super().__init__()
        self.site1 = layers.fixed_site("entry.1", 3, nonnegative=True)
        self.conv1 = layers.conv(conv3x3(3, features))
        self.site2 = layers.fixed_site("entry.2", features)
        self.conv2 = layers.conv(conv3x3(features, features))

    def forward(self, x: Tensor, trace: Trace) -> Tensor:
        x = leaky(self.conv1(self.site1(x, trace)))
        return leaky(self.conv2(self.site2(x, trace)))


class EnhancementUnit(nn.Module):
    """Three convolutions, the middle one in groups, each followed by a leaky ReLU."""

    def __init__(
        self, name: str, inputs: int, middle: tuple[int, int], outputs: int, layers: Layers
    ) -> None:
        super().__init__()
        first, second = middle
        self.site1 = layers.site(f"{name}.1", inputs)
        self.conv1 = layers.conv(conv3x3(inputs, first))
        self.site2 = layers.site(f"{name}.2", first)
        self.conv2 = layers.conv(conv3x3(first, second, groups=GROUPS))
        self.site3 = layers.site(f"{name}.3", second)
        self.conv3 = layers.conv(conv3x3(second, outputs))

    def forward(self, x: Tensor, trace: Trace) -> Tensor:
        x = leaky(self.conv1(self.site1(x, trace)))
        x = leaky(self.conv2(self.site2(x, trace)))
        return leaky(self.conv3(self.site3(x, trace)))


class DistillationBlock(nn.Module):
    """Two enhancement units; a slice of the first one's output skips the second."""

    def __init__(self, name: str, config: IdnConfig, layers: Layers) -> None:
        super().__init__()
        n, d = config.features, config.difference
        self.name = name
        self.kept = n // config.slices
        self.top = EnhancementUnit(f"{name}.top", n, (n - d, n - 2 * d), n, layers)
        self.bottom = EnhancementUnit(f"{name}.bottom", n - self.kept, (n, n - d), n + d, layers)
        self.compression = layers.outer(f"{name}.compression", nn.Conv2d(n + d, n, 1))

    def forward(self, x: Tensor, trace: Trace) -> Tensor:
        enhanced = self.top(x, trace)
        rest, kept = enhanced[:, : -self.kept], enhanced[:, -self.kept :]
        distilled = self.bottom(rest, trace)
        trace.feature(self.name, distilled)
        output: Tensor = self.compression(distilled + torch.cat([x, kept], dim=1))
        return output


class Idn(nn.Module):
    """RGB (N, 3, H, W), range 0..1, to the same `scale` times as large. Works in 0..255 inside."""

    def __init__(self, config: IdnConfig, layers: Layers) -> None:
        super().__init__()
        n = config.features
        self.scale = config.scale
        self.entry = FeatureBlock(n, layers)
        self.blocks = nn.ModuleList(
            DistillationBlock(f"block{i}", config, layers) for i in range(1, config.blocks + 1)
        )
        deconv = nn.ConvTranspose2d(
            n, 3, 17, stride=config.scale, padding=8, output_padding=config.scale - 1
        )
        self.deconv = layers.outer("deconv", deconv)

    def forward(self, x: Tensor, trace: Trace) -> Tensor:
        x = x * 255
        body = self.entry(x, trace)
        for block in self.blocks:
            body = block(body, trace)
        trace.feature("last", body)
        base = interpolate(x, scale_factor=self.scale, mode="bicubic", align_corners=False)
        output: Tensor = (self.deconv(body) + base) / 255
        return output
