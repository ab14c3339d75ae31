"""Uniform grids of whole codes, rounded so that the gradient passes (PAMS; paper, section 3.1)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def straight_through(hard: Tensor, soft: Tensor) -> Tensor:
    """The value of `hard` with the gradient of `soft`."""
    return soft + (hard - soft).detach()


def highest_code(bits: int, *, unsigned: bool = False) -> int:
    """The largest whole code of a grid, which stands for the bound.

    A signed grid has the codes -q..q with q = 2^(bits-1) - 1, an unsigned one 0..2^bits - 1,
    which serves values that cannot be negative.
    """
    return (1 << bits) - 1 if unsigned else (1 << (bits - 1)) - 1


def encode(
    x: Tensor, bound: Tensor, highest: Tensor, *, unsigned: bool, clip: bool = True
) -> tuple[Tensor, Tensor]:
    """Split x into whole codes and the value of one: ``codes * step`` is x, clipped and rounded.

    Args:
        x: Values, shape (N, C, H, W).
        bound: The largest value kept, > 0, in the units of x; (N, 1, 1, 1) or a scalar.
        highest: The largest code, of the same shape as `bound`.
        unsigned: Whether the lowest code is 0 rather than ``-highest``.
        clip: Without clipping, codes beyond `highest` occur (range initialisation).

    Returns:
        Codes (N, C, H, W) as whole floats, and the step, shaped as `bound`.
    """
    step = bound / highest
    codes = (x / step).round_()
    if clip:
        codes = codes.clamp_(torch.zeros_like(highest) if unsigned else -highest, highest)
    return codes, step


def quantize(
    x: Tensor,
    bounds: Tensor,
    highest: Tensor,
    soft: Tensor,
    chosen: Tensor,
    *,
    unsigned: bool,
    clip: bool = True,
) -> Tensor:
    """Each image of a batch rounded on the grid chosen for it, for training.

    The value is that of the chosen grid alone. The gradient is that of the mixture
    ``sum_k soft[n, k] * grid_k(x[n])``: a hard choice with a soft gradient (paper, section 3.2), at
    the cost of one grid in the forward pass. Rounding passes its gradient straight through;
    clipping and the bounds have their ordinary one.

    Args:
        x: Values, shape (N, C, H, W).
        bounds: The largest value that each grid keeps, shape (K,), > 0.
        highest: The largest code of each grid, shape (K,).
        soft: How much each grid weighs in the gradient, shape (N, K).
        chosen: The grid of each image, shape (N,), whole numbers below K.
        unsigned: Whether the lowest code is 0.
        clip: See `encode`.
    """
    result: Tensor = _Quantize.apply(x, bounds, soft, highest, chosen, unsigned, clip)  # type: ignore[no-untyped-call]
    return result


class _Quantize(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        bounds: Tensor,
        soft: Tensor,
        highest: Tensor,
        chosen: Tensor,
        unsigned: bool,
        clip: bool,
    ) -> Tensor:
        ctx.save_for_backward(x, bounds, soft, highest)
        ctx.unsigned, ctx.clip = unsigned, clip
        bound, top = (v[chosen].view(-1, 1, 1, 1) for v in (bounds, highest))
        codes, step = encode(x, bound, top, unsigned=unsigned, clip=clip)
        return codes.mul_(step)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (grad,) = grads
        x, bounds, soft, highest = ctx.saved_tensors
        grad_x = torch.zeros_like(grad)
        grad_bounds, grad_soft = torch.empty_like(bounds), torch.empty_like(soft)
        for k, (bound, top) in enumerate(zip(bounds, highest, strict=True)):
            codes, step = encode(x, bound, top, unsigned=ctx.unsigned, clip=ctx.clip)
            values = codes.mul_(step)
            grad_soft[:, k] = _inner(values, grad)
            kept, through = x, grad
            if ctx.clip:
                inside = (x >= 0) & (x <= bound) if ctx.unsigned else x.abs() <= bound
                kept, through = x * inside, grad * inside
            grad_x.addcmul_(through, soft[:, k].view(-1, 1, 1, 1))
            # A bound moves y = round(clip(x, bound)) by (y - x) / bound inside, y / bound outside.
            grad_bounds[k] = soft[:, k].dot(_inner(values.sub_(kept), grad)) / bound
        return grad_x, grad_bounds, grad_soft, None, None, None, None


def _inner(a: Tensor, b: Tensor) -> Tensor:
    """The inner product of each image of two batches, shape (N,)."""
    product: Tensor = torch.linalg.vecdot(a.flatten(1), b.flatten(1))
    return product
