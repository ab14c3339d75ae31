"""Executions of one topology: what a backbone's sites and quantized convolutions are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d

from cadyq_cli.quant.rounding import highest_code, straight_through
from cadyq_cli.quant.sites import DynamicSite, FloatSite, StaticSite
from cadyq_cli.quant.trace import Activation

WEIGHT_BITS = 8


class FloatConv(nn.Module):
    """A convolution with its weights as they are."""

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        self.conv = conv

    def forward(self, activation: Activation) -> Tensor:
        output: Tensor = self.conv(activation.dense())
        return output


def weight_codes(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Round weights to whole codes in -127..127 with the step ``max|w| / 127``, per tensor.

    Source: paper, section 3.1. Without gradient; ``codes * step`` are the rounded weights.
    """
    step = weight.detach().abs().amax().clamp_min(torch.finfo(weight.dtype).tiny)
    step = step / highest_code(WEIGHT_BITS)
    return (weight.detach() / step).round_(), step


class QuantConv(nn.Module):
    """A convolution whose weights are rounded to 8 bit; the sum itself is in floating point."""

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        self.conv = conv

    def forward(self, activation: Activation) -> Tensor:
        c = self.conv
        codes, step = weight_codes(c.weight)
        weight = straight_through(codes * step, c.weight)
        return conv2d(activation.dense(), weight, c.bias, c.stride, c.padding, c.dilation, c.groups)


class Layers(Protocol):
    """What a backbone asks for. Each implementation is one precision to run it in.

    `nonnegative` tells that a site's input cannot be negative, as after a ReLU. Such a site may
    use an unsigned grid, which has twice the codes.
    """

    def conv(self, conv: nn.Conv2d) -> nn.Module:
        """A convolution that reads a site: ``Activation -> Tensor``."""

    def site(self, name: str, channels: int, *, nonnegative: bool = False) -> nn.Module:
        """A site that counts towards the average width: ``(Tensor, Trace) -> Activation``."""

    def fixed_site(self, name: str, *, nonnegative: bool = False) -> nn.Module:
        """A site of 8 bit that no selector moves and nothing counts."""


@dataclass(frozen=True, kw_only=True)
class FloatLayers:
    """The network before quantization."""

    def conv(self, conv: nn.Conv2d) -> nn.Module:
        return FloatConv(conv)

    def site(self, name: str, channels: int, *, nonnegative: bool = False) -> nn.Module:
        return FloatSite()

    def fixed_site(self, name: str, *, nonnegative: bool = False) -> nn.Module:
        return FloatSite()


@dataclass(frozen=True, kw_only=True)
class StaticLayers:
    """Every site has the same width and a bound of its own (PAMS)."""

    bits: int = 8
    unsigned: bool = False  # unsigned grids where a site's input cannot be negative
    relative: bool = False  # bounds are multiples of each image's own root mean square

    def conv(self, conv: nn.Conv2d) -> nn.Module:
        return QuantConv(conv)

    def site(self, name: str, channels: int, *, nonnegative: bool = False) -> nn.Module:
        unsigned = self.unsigned and nonnegative
        return StaticSite(name, self.bits, unsigned=unsigned, relative=self.relative)

    def fixed_site(self, name: str, *, nonnegative: bool = False) -> nn.Module:
        return StaticSite(name, 8, unsigned=self.unsigned and nonnegative, counted=False)


@dataclass(frozen=True, kw_only=True)
class DynamicLayers:
    """Every site picks a width for every image (CADyQ)."""

    widths: tuple[int, ...] = (4, 6, 8)
    unsigned: bool = False  # unsigned grids where a site's input cannot be negative
    relative: bool = False  # bounds are multiples of each image's own root mean square
    gradient_scale: float = 1000.0  # weight of the image gradient, 0..1, before the selectors

    def conv(self, conv: nn.Conv2d) -> nn.Module:
        return QuantConv(conv)

    def site(self, name: str, channels: int, *, nonnegative: bool = False) -> nn.Module:
        return DynamicSite(
            name,
            channels,
            self.widths,
            unsigned=self.unsigned and nonnegative,
            relative=self.relative,
            gradient_scale=self.gradient_scale,
        )

    def fixed_site(self, name: str, *, nonnegative: bool = False) -> nn.Module:
        return StaticSite(name, 8, unsigned=self.unsigned and nonnegative, counted=False)


PRECISIONS: Mapping[str, type[FloatLayers] | type[StaticLayers] | type[DynamicLayers]] = {
    "float": FloatLayers,
    "static": StaticLayers,
    "dynamic": DynamicLayers,
}
