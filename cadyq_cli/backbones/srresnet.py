"""SRResNet (Ledig et al., CVPR 2017): residual blocks with batch normalisation and PReLU."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from cadyq_cli.backbones.parts import conv3x3, upsampling_factors
from cadyq_cli.quant.layers import Layers, normalized
from cadyq_cli.quant.trace import Activation, Trace


@dataclass(frozen=True, kw_only=True)
class SrresnetConfig:
    """`first_conv_unquantized` is the released code's way: only the skip path is rounded, though
    the site counts. Needed for the authors' checkpoints; nothing is saved there."""

    scale: int
    features: int = 64
    blocks: int = 16
    first_conv_unquantized: bool = False


class ResidualBlock(nn.Module):
    """Two normalised convolutions beside a skip path that carries the quantized input."""

    def __init__(self, name: str, config: SrresnetConfig, layers: Layers) -> None:
        super().__init__()
        n = config.features
        self.name = name
        self.unquantized = config.first_conv_unquantized
        self.site1 = layers.site(f"{name}.1", n)
        self.conv1 = layers.sums(conv3x3(n, n))
        self.norm1 = nn.BatchNorm2d(n)
        self.site2 = layers.site(f"{name}.2", n)
        self.conv2 = layers.sums(conv3x3(n, n))
        self.norm2 = nn.BatchNorm2d(n)

    def forward(self, x: Tensor, act: nn.PReLU, trace: Trace) -> Tensor:
        entry = self.site1(x, trace)
        inner = self.conv1(Activation(x) if self.unquantized else entry)
        inner = act(normalized(self.norm1, inner))
        residual = self.conv2(self.site2(inner, trace))
        trace.feature(self.name, residual.dense())
        output: Tensor = normalized(self.norm2, residual) + entry.dense()
        return output


class Srresnet(nn.Module):
    """RGB (N, 3, H, W), range 0..1, to the same `scale` times as large. Works in 0..255 inside."""

    def __init__(self, config: SrresnetConfig, layers: Layers) -> None:
        super().__init__()
        n = config.features
        self.act = nn.PReLU()  # one slope, shared by the head and all blocks
        self.head = layers.head(nn.Conv2d(3, n, 9, padding=4, bias=False))
        self.blocks = nn.ModuleList(
            ResidualBlock(f"block{i}", config, layers) for i in range(1, config.blocks + 1)
        )
        self.body_end = layers.outer("body_end", conv3x3(n, n, bias=False))
        self.body_norm = nn.BatchNorm2d(n)
        self.upsampler = nn.Sequential()
        for factor in upsampling_factors(config.scale):
            widen = conv3x3(n, factor**2 * n, bias=False)
            conv = layers.outer(f"upsampler.{len(self.upsampler)}", widen)
            self.upsampler.extend([conv, nn.PixelShuffle(factor), nn.PReLU()])
        self.tail = layers.outer("tail", nn.Conv2d(n, 3, 9, padding=4, bias=False))

    def forward(self, x: Tensor, trace: Trace) -> Tensor:
        head = self.act(self.head(x * 255))
        body = head
        for block in self.blocks:
            body = block(body, self.act, trace)
        body = self.body_norm(self.body_end(body)) + head
        trace.feature("last", body)
        output: Tensor = self.tail(self.upsampler(body)) / 255
        return output
