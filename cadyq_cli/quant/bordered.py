"""Convolutions that know where their image ends.

Several linear layers are one convolution, but where each of them puts zeros around what the one
before it made. So along the border that convolution has other kernels.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.functional import conv2d, pad

from cadyq_cli.quant.places import INNER, PLACES, borders


class BorderedConv(nn.Module):
    """A convolution that keeps its image's size, with a kernel and a bias for each of the places.

    Its weight has the shape (PLACES, outputs, inputs, size, size), its bias (PLACES, outputs). As
    of a convolution its attributes tell that there are zeros around the image.
    """

    transposed = False
    padding_mode = "zeros"
    stride = dilation = (1, 1)
    groups = 1
    output_padding = (0, 0)

    def __init__(self, inputs: int, outputs: int, size: int) -> None:
        super().__init__()
        like = nn.Conv2d(inputs, outputs, size)
        assert like.bias is not None
        self.in_channels, self.out_channels = inputs, outputs
        self.kernel_size, self.padding = (size, size), (size // 2, size // 2)
        self.weight = nn.Parameter(like.weight.detach().repeat(PLACES, 1, 1, 1, 1))
        self.bias = nn.Parameter(like.bias.detach().repeat(PLACES, 1))

    def forward(self, x: Tensor) -> Tensor:
        return bordered(x, self.weight, self.bias)


def bordered(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """What a `BorderedConv` of these weights makes of x (N, C, H, W)."""
    reach = weight.shape[-1] // 2
    padded = pad(x, (reach,) * 4)

    def convolved(window: Tensor, place: int) -> Tensor:
        return conv2d(window, weight[place], None if bias is None else bias[place])

    result = convolved(padded, INNER)
    for place, rows, columns in borders(*x.shape[2:]):
        top, left = rows.start, columns.start
        bottom, right = rows.stop + 2 * reach, columns.stop + 2 * reach
        window = padded[:, :, top:bottom, left:right]
        result[:, :, rows, columns] = convolved(window, place)
    return result


def spread(values: Tensor, height: int, width: int) -> Tensor:
    """One number for each place and channel (PLACES, C), laid out over an image (C, H, W)."""
    result = values[INNER].view(-1, 1, 1).repeat(1, height, width)
    for place, rows, columns in borders(height, width):
        result[:, rows, columns] = values[place].view(-1, 1, 1)
    return result


def gathered(image: Tensor) -> Tensor:
    """The mean of an image (C, H, W) at each place, shape (PLACES, C); 0 where it has no pixels."""
    height, width = image.shape[1:]
    means = image.new_zeros(PLACES, len(image))
    if min(height, width) > 2:
        means[INNER] = image[:, 1:-1, 1:-1].mean((1, 2))
    for place, rows, columns in borders(height, width):
        means[place] = image[:, rows, columns].mean((1, 2))
    return means
