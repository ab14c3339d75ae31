"""A CARN that starts as nine of an EDSR's residual blocks, from its first to its last.

CARN has ReLUs where EDSR's features, which are about zero, would be cut. So its features are
EDSR's and a constant each, which biases add, and which the next convolution's bias takes off again.
What the blocks left out do, and what the cascades' 1x1 joins add, is made the most of: each join is
the one that comes closest to what EDSR has at that depth, in squared error.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pixel_shuffle, relu

from cadyq_cli.backbones.carn import STAGES
from cadyq_cli.backbones.parts import mean_of, upsampling_factors
from cadyq_cli.networks.network import Network
from cadyq_cli.training.starts.kernels import EdsrKernels, Kernel
from cadyq_cli.training.starts.least_squares import Regression

STRENGTH = 25.0  # of EDSR's features, which work in 0..255, to those of CARN
CUT = 0.005  # share of the values that a ReLU may cut
EVERY = 5  # of how many values one is enough for a quantile
BORDER = 4  # pixels of a crop that do not count, at most: constants are not padded with zeros
RIDGE = 1e-5  # of the joins


@torch.no_grad()
def start_carn(network: Network, edsr: EdsrKernels, low: Tensor) -> None:
    """Give a float CARN weights after an EDSR; upsamplers of other scales stay as they are.

    Args:
        network: The CARN, of as many features.
        edsr: What it is to resemble, for the scale that runs.
        low: Photographs to measure on, (N, 3, H, W) in 0..1.
    """
    count = STAGES**2
    picks = [i * (len(edsr.blocks) - 1) // (count - 1) for i in range(count)]
    streams, body = _features(edsr, low)
    wanted = [streams[i] for i in picks[1:]] + [body]  # behind each join

    entry = Kernel(255 / STRENGTH * edsr.head.weight, edsr.head.bias / STRENGTH)
    state = entry.named("entry")
    x, shift = entry(low - mean_of(low)), torch.zeros_like(entry.bias)
    outer = [x]
    for i in range(STAGES):
        inner = [x]
        for j in range(STAGES):
            k = STAGES * i + j
            first, second = edsr.blocks[picks[k]]
            first = Kernel(first.weight, first.bias / STRENGTH - first.gain @ shift)
            change = _lift(streams[picks[k] + 1]) - shift
            second = Kernel(second.weight, second.bias / STRENGTH + change)
            inner.append(relu(x + second(relu(first(x)))))
            shift = _lift(wanted[k])
            join = _join(inner, wanted[k], shift)
            x = relu(join(torch.cat(inner, 1)))
            name = f"blocks.{i}.blocks.{j}"
            state |= first.named(f"{name}.conv1.conv") | second.named(f"{name}.conv2.conv")
            state |= join.named(f"blocks.{i}.joins.{j}")
        outer.append(x)
        join = _join(outer, wanted[k], shift)
        x = relu(join(torch.cat(outer, 1)))
        state |= join.named(f"joins.{i}")

    scale = network.scale
    for i, factor in enumerate(upsampling_factors(scale)):
        kernel = edsr.upsampler[i]
        kernel = Kernel(kernel.weight, kernel.bias / STRENGTH - kernel.gain @ shift)
        features = pixel_shuffle(kernel(x), factor)
        shift = _lift(features)
        x = relu(features + shift[:, None, None])
        kernel = kernel.raised(shift.repeat_interleave(factor**2))
        state |= kernel.named(f"upsamplers.x{scale}.{3 * i}")
    tail = Kernel(STRENGTH / 255 * edsr.tail.weight, edsr.tail.bias / 255)
    state |= tail.raised(-tail.gain @ shift).named("exit")
    network.backbone.load_state_dict(network.backbone.state_dict() | state)


def _features(edsr: EdsrKernels, low: Tensor) -> tuple[list[Tensor], Tensor]:
    """What EDSR has before each block and behind the last, and the body's result; as strong as
    in CARN."""
    head = edsr.head(255 * (low - mean_of(low)))
    streams = [head]
    for first, second in edsr.blocks:
        streams.append(streams[-1] + second(relu(first(streams[-1]))))
    body = edsr.body_end(streams[-1]) + head
    return [x / STRENGTH for x in streams], body / STRENGTH


def _inside(x: Tensor) -> Tensor:
    """Features (N, C, H, W) as samples (C, M), without a border."""
    height, width = x.shape[2:]
    border = min(BORDER, height // 4, width // 4)
    return x[:, :, border : height - border, border : width - border].transpose(0, 1).flatten(1)


def _lift(x: Tensor) -> Tensor:
    """What to add to each channel so that a ReLU cuts little, (C,)."""
    return (-torch.quantile(_inside(x)[:, ::EVERY], CUT, dim=1)).clamp_min(0)


def _join(parts: list[Tensor], wanted: Tensor, shift: Tensor) -> Kernel:
    """The 1x1 convolution of some features that comes closest to others, shifted by (C,)."""
    inputs, targets = torch.cat([_inside(part) for part in parts]), _inside(wanted)
    regression = Regression(len(inputs), len(targets))
    regression.add(inputs, targets + shift[:, None])
    weight, bias = regression.solve(ridge=RIDGE)
    return Kernel(weight[:, :, None, None].to(shift), bias.to(shift))
