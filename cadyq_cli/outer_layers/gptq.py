"""Rounds a convolution's weights one after the other, so that later ones make up for earlier ones.

Rounding each weight for itself lets errors add up where inputs are alike, such as the brightness
of an image in many channels. Here each error goes to the weights that are still to be rounded, as
far as the inputs of both are correlated: GPTQ (Frantar et al., ICLR 2023), algorithm 1.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import unfold

from cadyq_cli.quant.layers import WEIGHT_BITS, OuterConv
from cadyq_cli.quant.rounding import highest_code

SIDE = 32  # pixels of the square of each image in which products of inputs are summed
DAMPING = 0.01  # of the mean square, added to each input's own


def input_products(conv: OuterConv, x: Tensor) -> Tensor:
    """Sums of products of the inputs of one output, shape (K, K), K = channels * height * width.

    Args:
        conv: An ungrouped convolution.
        x: Its input, shape (N, C, H, W).
    """
    top, left = ((side - SIDE) // 2 if side > SIDE else 0 for side in x.shape[2:])
    middle = x[:, :, top : top + SIDE, left : left + SIDE]
    padding = 0 if min(middle.shape[2:]) >= max(conv.kernel_size) else conv.padding
    columns = unfold(middle, conv.kernel_size, padding=padding)  # (N, K, positions)
    columns = columns.transpose(0, 1).flatten(1)
    return (columns @ columns.T).double()


def rounded_weight(weight: Tensor, products: Tensor) -> Tensor:
    """Weights that are multiples of ``max|w| / 127`` of their output.

    The largest of each output stays, so that rounding once more changes nothing.

    Args:
        weight: Shape (outputs, C, height, width).
        products: As `input_products` tells.
    """
    rest = weight.flatten(1).double()
    step = rest.abs().amax(1) / highest_code(WEIGHT_BITS)
    step = step.clamp_min(torch.finfo(torch.float32).tiny)
    largest = rest.abs().argmax(1)
    damping = DAMPING * products.diagonal().mean().clamp_min(torch.finfo(torch.float32).tiny)
    hessian = products + damping * torch.eye(len(products), device=products.device)
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(hessian))
    shares = torch.linalg.cholesky(inverse, upper=True)
    highest = highest_code(WEIGHT_BITS)
    peaks = rest.sign()[torch.arange(len(rest)), largest] * highest
    for i in range(rest.shape[1]):
        codes = (rest[:, i] / step).round().clamp(-highest, highest)
        codes = torch.where(largest == i, peaks, codes)
        error = (rest[:, i] - codes * step) / shares[i, i]
        rest[:, i] = codes * step
        rest[:, i + 1 :] -= error[:, None] * shares[i, i + 1 :]
    return rest.view_as(weight).to(weight.dtype)
