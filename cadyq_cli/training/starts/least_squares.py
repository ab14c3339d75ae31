"""Linear maps that fit best."""

from __future__ import annotations

import torch
from torch import Tensor

FLOOR = 1e-6  # least damping, in mean powers of the inputs: dead ones get no weight


class Regression:
    """Ridge regression with an intercept, from as many samples as one likes to add.

    Only sums are kept, in float64 on the CPU.
    """

    def __init__(self, inputs: int, targets: int) -> None:
        self._gram = torch.zeros(inputs + 1, inputs + 1, dtype=torch.float64)
        self._cross = torch.zeros(inputs + 1, targets, dtype=torch.float64)

    def add(self, inputs: Tensor, targets: Tensor, counts: Tensor | None = None) -> None:
        """Add M samples, shapes (inputs, M) and (targets, M), each as often as counts (M,) say."""
        inputs = torch.cat([inputs, inputs.new_ones(1, inputs.shape[1])])
        counted = inputs if counts is None else inputs * counts
        self._gram += (counted @ inputs.T).double().cpu()
        self._cross += (counted @ targets.T).double().cpu()

    def solve(self, *, ridge: float) -> tuple[Tensor, Tensor]:
        """The map that is best if each input had noise of `ridge` times its power.

        Returns:
            Weights (targets, inputs) and intercepts (targets,).
        """
        power = self._gram.diagonal()
        solution = torch.linalg.solve(
            self._gram + torch.diag(ridge * power + FLOOR * power.mean()), self._cross
        ).T
        return solution[:, :-1], solution[:, -1]

    def power(self, chosen: Tensor) -> Tensor:
        """Mean products of the chosen inputs with each other, shape (chosen, chosen)."""
        return self._gram[chosen][:, chosen] / self._gram[-1, -1]


def smallest_solution(matrix: Tensor, wanted: Tensor) -> Tensor:
    """The x with the least ``|matrix @ x - wanted|``, of these the shortest; in float64."""
    solution: Tensor = torch.linalg.pinv(matrix.double()) @ wanted.double()
    return solution.to(wanted)


def two_factors(weights: Tensor, power: Tensor, rank: int) -> tuple[Tensor, Tensor]:
    """Split a map into one to few features and one from these, at the least mean squared error.

    Args:
        weights: (O, I).
        power: Mean products of the inputs, (I, I).
        rank: How many features lie between.

    Returns:
        (rank, I) and (O, rank). The features between have a mean square of 1 on average.
    """
    values, vectors = torch.linalg.eigh(power)
    roots = values.clamp_min(FLOOR * values.mean()).sqrt()  # of the inputs' principal directions
    left, strengths, right = torch.linalg.svd(weights @ vectors * roots, full_matrices=False)
    strengths = strengths[:rank]
    scale = (strengths / strengths.mean()).sqrt()
    first = scale[:, None] * right[:rank] / roots @ vectors.T
    return first, left[:, :rank] * (strengths / scale)
