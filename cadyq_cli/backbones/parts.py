"""Parts that several backbones share."""

from __future__ import annotations

from torch import Tensor, nn

from cadyq_cli.quant.layers import Layers

DIV2K_MEAN = (0.4488, 0.4371, 0.4040)  # mean R, G, B of the training images, range 0..1


def conv3x3(inputs: int, outputs: int, *, groups: int = 1, bias: bool = True) -> nn.Conv2d:
    """A 3x3 convolution that keeps the image's size."""
    return nn.Conv2d(inputs, outputs, 3, padding=1, groups=groups, bias=bias)


def upsampling_factors(scale: int) -> tuple[int, ...]:
    """Steps of sub-pixel upsampling that make up a scale: x4 doubles twice.

    Raises:
        ValueError: the scale is not 1, 2, 3, 4 or 8.
    """
    steps = {1: (), 2: (2,), 3: (3,), 4: (2, 2), 8: (2, 2, 2)}
    if scale not in steps:
        raise ValueError(f"scale must be 1, 2, 3, 4 or 8, got {scale}")
    return steps[scale]


def mean_of(x: Tensor, mean: tuple[float, ...] = DIV2K_MEAN, *, white: float = 1.0) -> Tensor:
    """The training images' mean colour, shape (1, 3, 1, 1), on the device and in the type of x."""
    return x.new_tensor([white * level for level in mean]).view(1, 3, 1, 1)


class PixelUpsampler(nn.Sequential):
    """Sub-pixel convolutions (ESPCN), one for each step of `upsampling_factors`."""

    def __init__(self, features: int, scale: int, layers: Layers) -> None:
        steps: list[nn.Module] = []
        for factor in upsampling_factors(scale):
            widen = conv3x3(features, factor**2 * features)
            steps += [layers.outer(f"upsampler.{len(steps)}", widen), nn.PixelShuffle(factor)]
        super().__init__(*steps)
