"""Uniform grids of whole codes, rounded so that the gradient passes (PAMS; paper, section 3.1)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

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


class Grids(NamedTuple):
    """K grids of whole codes, or those of N images; C is 1 where all channels have the same.

    A grid's step is its bound over `divisions`.
    """

    divisions: Tensor  # (K, 1), or (N, 1, 1, 1)
    lowest: Tensor  # (K, C), or (N, C, 1, 1)
    highest: Tensor  # likewise

    def of(self, chosen: Tensor) -> Grids:
        """The grid of each image, of K by their numbers (N,)."""
        return Grids(*(each[chosen][:, :, None, None] for each in self))

    def endless(self) -> Grids:
        """Grids with the same steps that clip nothing."""
        everything = torch.full_like(self.lowest, torch.inf)
        return Grids(self.divisions, -everything, everything)


def encode(x: Tensor, step: Tensor, lowest: Tensor, highest: Tensor) -> Tensor:
    """The whole codes of x (N, C, H, W) on a grid: ``codes * step`` is x, rounded and clipped."""
    return (x / step).round_().clamp_(lowest, highest)


def _values(x: Tensor, bound: Tensor, divisions: Tensor, lowest: Tensor, highest: Tensor) -> Tensor:
    step = bound / divisions
    return encode(x, step, lowest, highest) * step


def _gradients(
    x: Tensor,
    grad: Tensor,
    bounds: Tensor,
    divisions: Tensor,
    lowest: Tensor,
    highest: Tensor,
    magnitude: Tensor,
    soft: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """The gradient of ``sum_k soft[n, k] * grid_k(x[n])`` by x, by the bounds, and by `soft`."""
    grad_x = torch.zeros_like(grad)
    grad_bounds, grad_soft = [], []
    for k in range(len(bounds)):
        bound = bounds[k] * magnitude
        low, high = lowest[k].view(-1, 1, 1), highest[k].view(-1, 1, 1)
        values = _values(x, bound, divisions[k], low, high)
        inside = (x >= bound * (low / divisions[k])) & (x <= bound * (high / divisions[k]))
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
    grids: Grids,
    magnitude: Tensor,
    soft: Tensor,
    chosen: Tensor,
    *,
    kernels: Kernels = EAGER,
) -> Tensor:
    """Each image of a batch rounded on the grid chosen for it, for training.

    The value is that of the chosen grid alone. The gradient is that of the mixture
    ``sum_k soft[n, k] * grid_k(x[n])``: a hard choice with a soft gradient (paper, section 3.2), at
    the cost of one grid in the forward pass. Rounding passes its gradient straight through;
    clipping and the bounds have their ordinary one.

    Args:
        x: Values, shape (N, C, H, W).
        bounds: What the steps of each grid are parts of, shape (K,), > 0, in units of `magnitude`.
        grids: The K grids.
        magnitude: What each image's bounds are multiplied by, shape (N, 1, 1, 1), > 0.
        soft: How much each grid weighs in the gradient, shape (N, K).
        chosen: The grid of each image, shape (N,), whole numbers below K.
        kernels: What computes it.
    """
    result: Tensor = _Quantize.apply(x, bounds, soft, magnitude, chosen, kernels, *grids)  # type: ignore[no-untyped-call]
    return result


class _Quantize(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        bounds: Tensor,
        soft: Tensor,
        magnitude: Tensor,
        chosen: Tensor,
        kernels: Kernels,
        *numbers: Tensor,
    ) -> Tensor:
        ctx.save_for_backward(x, bounds, *numbers, magnitude, soft)
        ctx.kernels = kernels
        bound = bounds[chosen].view(-1, 1, 1, 1) * magnitude
        return kernels.values(x, bound, *Grids(*numbers).of(chosen))

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, *others = ctx.saved_tensors
        by_x, by_bounds, by_soft = ctx.kernels.gradients(x, grads[0], *others)
        return by_x, by_bounds, by_soft, *[None] * 6
