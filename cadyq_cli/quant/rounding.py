"""Uniform grids of whole codes, rounded so that the gradient passes (PAMS; paper, section 3.1)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
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


def _values(x: Tensor, bound: Tensor, highest: Tensor, unsigned: bool, clip: bool) -> Tensor:
    codes, step = encode(x, bound, highest, unsigned=unsigned, clip=clip)
    return codes * step


def _gradients(
    x: Tensor,
    grad: Tensor,
    bounds: Tensor,
    highest: Tensor,
    magnitude: Tensor,
    soft: Tensor,
    unsigned: bool,
    clip: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """The gradient of ``sum_k soft[n, k] * grid_k(x[n])`` by x, by the bounds, and by `soft`."""
    grad_x = torch.zeros_like(grad)
    grad_bounds, grad_soft = [], []
    for k in range(len(bounds)):
        bound = bounds[k] * magnitude
        values = _values(x, bound, highest[k], unsigned, clip)
        inside = (x >= 0) & (x <= bound) if unsigned else x.abs() <= bound
        if not clip:
            inside = torch.ones_like(inside)
        grad_x = grad_x + grad * inside * soft[:, k].view(-1, 1, 1, 1)
        grad_soft.append((values * grad).sum(dim=(1, 2, 3)))
        # A bound moves y = round(clip(x, bound)) by (y - x) / bound inside, y / bound outside.
        moved = ((values - x * inside) * grad).sum(dim=(1, 2, 3))
        grad_bounds.append((soft[:, k] * moved).sum() / bounds[k])
    return grad_x, torch.stack(grad_bounds), torch.stack(grad_soft, dim=1)


@dataclass(frozen=True, slots=True)
class Kernels:
    """The two loops over every feature that training spends its time in beside convolutions."""

    values: Callable[..., Tensor] = _values
    gradients: Callable[..., tuple[Tensor, Tensor, Tensor]] = _gradients

    @classmethod
    def fused(cls) -> Kernels:
        """Compiled at their first use, many times as fast; needs a C++ compiler on CPUs."""
        return cls(torch.compile(_values, dynamic=True), torch.compile(_gradients, dynamic=True))


EAGER = Kernels()


def quantize(
    x: Tensor,
    bounds: Tensor,
    highest: Tensor,
    magnitude: Tensor,
    soft: Tensor,
    chosen: Tensor,
    *,
    unsigned: bool,
    clip: bool = True,
    kernels: Kernels = EAGER,
) -> Tensor:
    """Each image of a batch rounded on the grid chosen for it, for training.

    The value is that of the chosen grid alone. The gradient is that of the mixture
    ``sum_k soft[n, k] * grid_k(x[n])``: a hard choice with a soft gradient (paper, section 3.2), at
    the cost of one grid in the forward pass. Rounding passes its gradient straight through;
    clipping and the bounds have their ordinary one.

    Args:
        x: Values, shape (N, C, H, W).
        bounds: The largest value that each grid keeps, shape (K,), > 0, in units of `magnitude`.
        highest: The largest code of each grid, shape (K,).
        magnitude: What each image's bounds are multiplied by, shape (N, 1, 1, 1), > 0.
        soft: How much each grid weighs in the gradient, shape (N, K).
        chosen: The grid of each image, shape (N,), whole numbers below K.
        unsigned: Whether the lowest code is 0.
        clip: See `encode`.
        kernels: What computes it.
    """
    result: Tensor = _Quantize.apply(
        x, bounds, soft, highest, magnitude, chosen, unsigned, clip, kernels
    )  # type: ignore[no-untyped-call]
    return result


class _Quantize(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        bounds: Tensor,
        soft: Tensor,
        highest: Tensor,
        magnitude: Tensor,
        chosen: Tensor,
        unsigned: bool,
        clip: bool,
        kernels: Kernels,
    ) -> Tensor:
        ctx.save_for_backward(x, bounds, highest, magnitude, soft)
        ctx.unsigned, ctx.clip, ctx.kernels = unsigned, clip, kernels
        bound, top = (v[chosen].view(-1, 1, 1, 1) for v in (bounds, highest))
        return kernels.values(x, bound * magnitude, top, unsigned, clip)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, bounds, highest, magnitude, soft = ctx.saved_tensors
        by_x, by_bounds, by_soft = ctx.kernels.gradients(
            x, grads[0], bounds, highest, magnitude, soft, ctx.unsigned, ctx.clip
        )
        return by_x, by_bounds, by_soft, None, None, None, None, None, None
