"""EDSR-baseline (Lim et al., CVPR workshops 2017): residual blocks without normalisation."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from cadyq_cli.backbones.parts import PixelUpsampler, conv3x3, mean_of
from cadyq_cli.quant.bordered import BorderedConv
from cadyq_cli.quant.layers import Layers
from cadyq_cli.quant.trace import Trace

COMPOSED_EDGE = 5  # pixels a side that upsampler and tail read, for any scale


@dataclass(frozen=True, kw_only=True)
class EdsrConfig:
    scale: int
    features: int = 64
    blocks: int = 16
    composed: bool = False  # upsampler and tail, which are linear, as one convolution


class ResidualBlock(nn.Module):
    """Two convolutions beside a skip path that carries the quantized input too.

    Their result passes a fixed site before it joins the skip path.
    """

    def __init__(self, name: str, features: int, layers: Layers) -> None:
        super().__init__()
        self.name = name
        self.site1 = layers.site(f"{name}.1", features)
        self.conv1 = layers.conv(conv3x3(features, features))
        self.site2 = layers.site(f"{name}.2", features, nonnegative=True)
        self.conv2 = layers.conv(conv3x3(features, features))
        self.exit = layers.fixed_site(f"{name}.exit", features)

    def forward(self, x: Tensor, trace: Trace) -> Tensor:
        entry = self.site1(x, trace)
        inner = self.conv1(entry).relu_()
        residual = self.conv2(self.site2(inner, trace))
        trace.feature(self.name, residual)
        output: Tensor = self.exit(residual, trace).dense() + entry.dense()
        return output


class Edsr(nn.Module):
    """RGB (N, 3, H, W), range 0..1, to the same `scale` times as large. Works in 0..255 inside."""

    def __init__(self, config: EdsrConfig, layers: Layers) -> None:
        super().__init__()
        n = config.features
        self.head = layers.head(conv3x3(3, n))
        self.blocks = nn.ModuleList(
            ResidualBlock(f"block{i}", n, layers) for i in range(1, config.blocks + 1)
        )
        self.body_end = layers.outer("body_end", conv3x3(n, n))
        self.composed = config.composed
        if config.composed:
            subpixels = BorderedConv(n, 3 * config.scale**2, COMPOSED_EDGE)
            self.tail = layers.outer("tail", subpixels)
            self.shuffle = nn.PixelShuffle(config.scale)
        else:
            self.upsampler = PixelUpsampler(n, config.scale, layers)
            self.tail = layers.outer("tail", conv3x3(n, 3))

    def forward(self, x: Tensor, trace: Trace) -> Tensor:
        head = self.head(x * 255 - mean_of(x, white=255))
        body = head
        for block in self.blocks:
            body = block(body, trace)
        body = self.body_end(body) + head
        trace.feature("last", body)
        return self.enlarged(body) / 255 + mean_of(x)

    def enlarged(self, body: Tensor) -> Tensor:
        """The image that features stand for, in 0..255 around the mean colour: a linear map."""
        if self.composed:
            return self.shuffle(self.tail(body))  # type: ignore[no-any-return]
        return self.tail(self.upsampler(body))  # type: ignore[no-any-return]
