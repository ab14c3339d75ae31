"""Networks of other programs in plain PyTorch, with the names that those give their tensors."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, pad, pixel_shuffle, relu, silu

MEAN = torch.tensor([0.4488, 0.4371, 0.4040]).view(1, 3, 1, 1)


class Compact(nn.Module):
    def __init__(self, features: int, convolutions: int, scale: int) -> None:
        super().__init__()
        self.scale = scale
        layers: list[nn.Module] = []
        for inputs in [3] + [features] * convolutions:
            layers += [nn.Conv2d(inputs, features, 3, padding=1), nn.PReLU(features)]
        self.body = nn.ModuleList([*layers, nn.Conv2d(features, 3 * scale**2, 3, padding=1)])

    def forward(self, x: Tensor) -> Tensor:
        body = x
        for layer in self.body:
            body = layer(body)
        return pixel_shuffle(body, self.scale) + interpolate(x, scale_factor=self.scale)


class Conv3XC(nn.Module):
    """A sum of a 1x1 convolution and a chain of three."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.sk = nn.Conv2d(inputs, outputs, 1)
        self.conv = nn.Sequential(
            nn.Conv2d(inputs, 2 * inputs, 1),
            nn.Conv2d(2 * inputs, 2 * outputs, 3),
            nn.Conv2d(2 * outputs, outputs, 1),
        )
        self.eval_conv = nn.Conv2d(inputs, outputs, 3, padding=1)  # stale

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.conv(pad(x, (1, 1, 1, 1))) + self.sk(x)
        return output


class Block(nn.Module):
    def __init__(self, conv: Any, features: int) -> None:
        super().__init__()
        self.c1_r, self.c2_r, self.c3_r = (conv(features, features) for _ in range(3))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        first = silu(self.c1_r(x))
        third = self.c3_r(silu(self.c2_r(first)))
        return (third + x) * (third.sigmoid() - 0.5), first


class Span(nn.Module):
    def __init__(
        self, features: int, scale: int, *, centred: bool, folded: bool, blocks: int = 6
    ) -> None:
        super().__init__()
        conv = (lambda i, o: nn.Conv2d(i, o, 3, padding=1)) if folded else Conv3XC
        self.scale, self.centred, self.blocks = scale, centred, blocks
        if not centred:
            self.register_buffer("no_norm", torch.zeros(1))
        self.conv_1 = conv(3, features)
        for i in range(1, blocks + 1):
            setattr(self, f"block_{i}", Block(conv, features))
        self.conv_2 = conv(features, features)
        self.conv_cat = nn.Conv2d(4 * features, features, 1)
        self.upsampler = nn.Sequential(nn.Conv2d(features, 3 * scale**2, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        head = body = self.conv_1((x - MEAN) * 255 if self.centred else x)
        outputs = []
        for i in range(1, self.blocks + 1):
            body, first = getattr(self, f"block_{i}")(body)
            outputs.append(body)
        joined = torch.cat([head, self.conv_2(body), outputs[0], first], 1)
        return pixel_shuffle(self.upsampler(self.conv_cat(joined)), self.scale)


class BasicBlock(nn.Module):
    def __init__(self, features: int, residual_scale: float) -> None:
        super().__init__()
        self.residual_scale = residual_scale
        self.conv1 = nn.Conv2d(features, features, 3, padding=1)
        self.conv2 = nn.Conv2d(features, features, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = x + self.residual_scale * self.conv2(relu(self.conv1(x)))
        return output


def _upsampler(features: int, scale: int) -> nn.Sequential:
    factors = [3] if scale == 3 else [2] * round(math.log2(scale))
    layers: list[nn.Module] = []
    for factor in factors:
        layers.append(nn.Conv2d(features, factor**2 * features, 3, padding=1))
        layers.append(nn.PixelShuffle(factor))
    return nn.Sequential(*layers)


class BasicEdsr(nn.Module):
    """EDSR as in BasicSR."""

    def __init__(
        self,
        features: int,
        blocks: int,
        scale: int,
        *,
        residual_scale: float = 1,
        white: float = 255,
    ) -> None:
        super().__init__()
        self.white = white
        self.conv_first = nn.Conv2d(3, features, 3, padding=1)
        self.body = nn.Sequential(*(BasicBlock(features, residual_scale) for _ in range(blocks)))
        self.conv_after_body = nn.Conv2d(features, features, 3, padding=1)
        self.upsample = _upsampler(features, scale)
        self.conv_last = nn.Conv2d(features, 3, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        first = self.conv_first((x - MEAN) * self.white)
        body = self.conv_after_body(self.body(first)) + first
        output: Tensor = self.conv_last(self.upsample(body)) / self.white + MEAN
        return output


class Mean(nn.Conv2d):
    """A convolution that adds a colour."""

    def __init__(self, colour: Tensor) -> None:
        super().__init__(3, 3, 1)
        self.weight = nn.Parameter(torch.eye(3)[..., None, None])
        self.bias = nn.Parameter(colour.flatten())


class TorchBlock(nn.Module):
    def __init__(self, features: int, residual_scale: float) -> None:
        super().__init__()
        self.residual_scale = residual_scale
        convolutions = [nn.Conv2d(features, features, 3, padding=1) for _ in range(2)]
        self.body = nn.Sequential(convolutions[0], nn.ReLU(), convolutions[1])

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.body(x) * self.residual_scale + x
        return output


class TorchEdsr(nn.Module):
    """EDSR as in EDSR-PyTorch, which is given pixels in its own range."""

    def __init__(
        self,
        features: int,
        blocks: int,
        scale: int,
        *,
        residual_scale: float = 1,
        white: float = 255,
    ) -> None:
        super().__init__()
        self.white = white
        self.sub_mean, self.add_mean = Mean(-white * MEAN), Mean(white * MEAN)
        self.head = nn.Sequential(nn.Conv2d(3, features, 3, padding=1))
        self.body = nn.Sequential(
            *(TorchBlock(features, residual_scale) for _ in range(blocks)),
            nn.Conv2d(features, features, 3, padding=1),
        )
        self.tail = nn.Sequential(_upsampler(features, scale), nn.Conv2d(features, 3, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        first = self.head(self.sub_mean(x * self.white))
        output: Tensor = self.add_mean(self.tail(self.body(first) + first)) / self.white
        return output
