"""The record that travels through a forward pass."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Activation:
    """What a convolution reads or sums: whole codes with their step, or plain values (no step).

    Step and offset may be float64, so that they are rounded once; to float32, even if sums of
    codes come in half precision.
    """

    codes: Tensor  # (N, C, H, W)
    step: Tensor | None = None  # (N, 1, 1, 1), or (N, C, 1, 1) of sums
    offset: Tensor | None = None  # (C, 1, 1), added to the values of codes
    span: Tensor | None = None  # (C, 1, 1), that values are multiplied by where no weights hold it

    def dense(self) -> Tensor:
        """The values, shape (N, C, H, W)."""
        if self.step is None:
            return self.codes if self.span is None else self.codes * self.span
        step = self.step.float() if self.span is None else self.step.float() * self.span
        values = self.codes * step
        return values if self.offset is None else values + self.offset.float()


@dataclass(frozen=True, slots=True)
class Choice:
    """What one site chose for each image of a batch, and why.

    `scores` and `spread` are None where there was nothing to choose (static sites).
    """

    bits: Tensor  # (N,) chosen width; in training with the gradient of `expected`
    expected: Tensor  # (N,) mean width under the softmax of the scores
    scores: Tensor | None = None  # (N, K)
    spread: Tensor | None = None  # (N, C)


@dataclass(slots=True)
class Trace:
    """One forward pass, seen from the sites: what they read and what they chose.

    `choices` is keyed by site, in the order of execution. `features` keeps what distillation
    compares, if `keep_features` is set: what each block's last quantized convolution gives and, as
    ``"last"``, the body's output.
    """

    gradient: Tensor  # (N, 2), mean |dI/dx| and |dI/dy| of each image
    keep_features: bool = False
    price: float = 0.0  # of a bit, as selectors weigh it against their scores
    choices: dict[str, Choice] = field(default_factory=dict)
    features: dict[str, Tensor] = field(default_factory=dict)

    def record(self, site: str, choice: Choice) -> None:
        if site in self.choices:
            raise ValueError(f"site {site!r} recorded twice in one forward pass")
        self.choices[site] = choice

    def feature(self, name: str, x: Tensor) -> None:
        if self.keep_features:
            self.features[name] = x

    @property
    def bits(self) -> dict[str, Tensor]:
        """The chosen width of each image, shape (N,), by site; empty for a float network."""
        return {site: choice.bits for site, choice in self.choices.items()}

    def average_bits(self) -> Tensor:
        """Mean width over the counted sites, the paper's FAB, of each image. Shape (N,).

        Raises:
            ValueError: nothing is quantized in this network.
        """
        if not self.choices:
            raise ValueError("a float network has no bit-widths to average")
        return torch.stack(list(self.bits.values())).mean(dim=0)

    def selector_inputs(self, site: str) -> Tensor:
        """What a dynamic site's selector saw of each image: gradient and spread. Shape (N, 2 + C).

        Raises:
            ValueError: nothing is selected at this site.
        """
        spread = self.choices[site].spread
        if spread is None:
            raise ValueError(f"site {site!r} has no selector")
        return torch.cat([self.gradient, spread], dim=1)

    def bit_cost(self) -> Tensor:
        """The paper's bit term: chosen over expected width, summed over sites. Shape (N,).

        The divisor carries no gradient, so each site is pushed by its relative width
        (section 3.3).
        """
        terms = [c.bits / c.expected.detach() for c in self.choices.values()]
        return torch.stack(terms).sum(dim=0)
