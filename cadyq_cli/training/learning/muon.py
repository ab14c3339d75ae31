"""Muon (Jordan et al., 2024): steps for kernels in which all directions count the same."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import torch
from torch import Tensor, nn

MOMENTUM = 0.95
ITERATIONS = 5
COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # of the quintic iteration, as published
SMALLEST_KERNEL = 1e-3  # root mean square; a kernel of zeros must be able to leave zero


class Muon(torch.optim.Optimizer):
    """Moves each kernel along the orthogonal matrix nearest to its gradients' running mean.

    A step is as long as `lr` times the kernel's own Frobenius norm, so that one rate suits kernels
    of any scale. For tensors of two dimensions and more, which count as (outputs, everything else).
    """

    def __init__(self, kernels: Iterable[nn.Parameter], lr: float) -> None:
        super().__init__(kernels, {"lr": lr})
        if any(p.dim() < 2 for group in self.param_groups for p in group["params"]):
            raise ValueError("Muon is for kernels; biases have no directions to balance")

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Update all kernels that have a gradient."""
        for group in self.param_groups:
            alike: defaultdict[torch.Size, list[Tensor]] = defaultdict(list)
            for kernel in group["params"]:
                if kernel.grad is not None:
                    alike[kernel.shape].append(kernel)
            for kernels in alike.values():
                directions = orthogonal(torch.stack([self._ahead(k).flatten(1) for k in kernels]))
                for kernel, direction in zip(kernels, directions, strict=True):
                    least = SMALLEST_KERNEL * kernel.numel() ** 0.5
                    length = kernel.norm().clamp(min=least) / direction.norm().clamp(min=1e-12)
                    kernel.sub_((group["lr"] * length) * direction.view(kernel.shape))

    def _ahead(self, kernel: Tensor) -> Tensor:
        """The running mean of a kernel's gradients, a step ahead as Nesterov's."""
        state = self.state[kernel]
        if not state:
            state["mean"] = torch.zeros_like(kernel)
        gradient: Tensor = kernel.grad  # type: ignore[assignment]
        mean: Tensor = state["mean"].lerp_(gradient, 1 - MOMENTUM)
        return gradient.lerp(mean, MOMENTUM)


def orthogonal(matrices: Tensor) -> Tensor:
    """Matrices (N, rows, columns) with all singular values brought to about 1 (0.7 to 1.2)."""
    if matrices.shape[1] > matrices.shape[2]:
        return orthogonal(matrices.mT).mT
    a, b, c = COEFFICIENTS
    x: Tensor = matrices / matrices.norm(dim=(1, 2), keepdim=True).clamp(min=1e-20)
    for _ in range(ITERATIONS):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x
