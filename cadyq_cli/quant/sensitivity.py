"""What a bit selector looks at: the image's gradient and the spread of a site's input.

Paper, section 3.2: patches with strong edges and layers with widely spread features lose more by
rounding, so they are worth more bits.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import conv2d, pad

_GRAY = (0.299, 0.587, 0.114)  # BT.601 luma of R, G, B
_SOBEL_X = ((-1.0, 0.0, 1.0), (-2.0, 0.0, 2.0), (-1.0, 0.0, 1.0))
_SOBEL_SUM = 8.0  # the sum of the kernel's magnitudes, so that a ramp of 1 a pixel measures 1


def image_gradient(image: Tensor) -> Tensor:
    """Mean magnitude of the horizontal and the vertical gradient of each image's gray version.

    Args:
        image: RGB, shape (N, 3, H, W), range 0..1.

    Returns:
        Shape (N, 2), in units of gray per pixel, range 0..1. Borders are replicated.

    Source: paper, section 3.2; normalised Sobel filter.
    """
    gray = (image * image.new_tensor(_GRAY).view(1, 3, 1, 1)).sum(dim=1, keepdim=True)
    sobel_x = image.new_tensor(_SOBEL_X) / _SOBEL_SUM
    kernels = torch.stack([sobel_x, sobel_x.T])[:, None]
    slopes = conv2d(pad(gray, (1, 1, 1, 1), mode="replicate"), kernels)
    return slopes.abs().mean(dim=(2, 3))


def channel_spread(x: Tensor) -> Tensor:
    """Unbiased standard deviation of each channel of each image; 0 for a single pixel.

    Args:
        x: Features, shape (N, C, H, W).

    Returns:
        Shape (N, C), in the units of x, without gradient.
    """
    x = x.detach()
    if x.shape[2] * x.shape[3] == 1:
        return torch.zeros_like(x[:, :, 0, 0])
    return x.std(dim=(2, 3))
