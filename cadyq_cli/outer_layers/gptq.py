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
CLIPPED = (1.0, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.65, 0.6, 0.55, 0.5)  # of the largest weight
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


def rounded_weight(
    weight: Tensor, products: Tensor, *, bits: int = WEIGHT_BITS, alike: bool = False
) -> Tensor:
    """Weights that are multiples of one step for each output, by codes that end at the highest.

    The highest code is met in each output, so that rounding once more changes nothing. Weights
    that meet the strongest inputs are rounded first, when most others can still make up for them.

    Args:
        weight: Shape (outputs, C, height, width).
        products: As `input_products` tells.
        bits: Of the codes. With less than 8 the largest weights may be clipped.
        alike: One step for all outputs, of which one meets the highest code.
    """
    order = products.diagonal().argsort(descending=True, stable=True)
    rest = weight.flatten(1).double()[:, order]
    products = products[order][:, order]
    step = _steps(rest, products.diagonal(), bits)
    largest = rest.abs().argmax(1)
    if alike:
        others = step < step.amax()
        step = step.amax().expand_as(step)
        largest[others] = -1
    step = step.clamp_min(torch.finfo(torch.float32).tiny)
    damping = DAMPING * products.diagonal().mean().clamp_min(torch.finfo(torch.float32).tiny)
    hessian = products + damping * torch.eye(len(products), device=products.device)
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(hessian))
    shares = torch.linalg.cholesky(inverse, upper=True)
    highest = highest_code(bits)
    peaks = rest.sign()[torch.arange(len(rest)), largest] * highest
    for i in range(rest.shape[1]):
        codes = (rest[:, i] / step).round().clamp(-highest, highest)
        codes = torch.where(largest == i, peaks, codes)
        error = (rest[:, i] - codes * step) / shares[i, i]
        rest[:, i] = codes * step
        rest[:, i + 1 :] -= error[:, None] * shares[i, i + 1 :]
    result = torch.empty_like(rest)
    result[:, order] = rest
    return result.view_as(weight).to(weight.dtype)


def _steps(weight: Tensor, worth: Tensor, bits: int) -> Tensor:
    """The step of each output, shape (outputs,), by which rounding costs least.

    Args:
        weight: Shape (outputs, K).
        worth: How much a squared error of each of the K counts.
        bits: Of the codes.
    """
    highest = highest_code(bits)
    full = weight.abs().amax(1) / highest
    if bits >= WEIGHT_BITS:
        return full
    steps = torch.stack([full * share for share in CLIPPED])[:, :, None]  # (R, outputs, 1)
    rounded = (weight / steps).round().clamp(-highest, highest) * steps
    best = ((rounded - weight).square() * worth).sum(2).argmin(0)
    return full * torch.tensor(CLIPPED).to(full)[best]
