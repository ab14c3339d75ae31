"""How a network's parameters learn: each kind by its own optimiser and rate."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grads_with_norm_, get_total_norm

from cadyq_cli.networks.network import Network
from cadyq_cli.quant.ranges import sites
from cadyq_cli.quant.sites import DynamicSite
from cadyq_cli.training.learning.muon import Muon
from cadyq_cli.training.recipes.recipe import Recipe

SMALLEST_BOUND = 1e-3  # a bound must stay positive

_COUNT = "step"  # of Adam's; the one moment that is not of the parameter's shape
_MOMENTS: Mapping[type[torch.optim.Optimizer], set[str]] = {
    torch.optim.Adam: {_COUNT, "exp_avg", "exp_avg_sq"},
    Muon: {"mean"},
}


class Optimisers:
    """Muon for kernels if the recipe gives them a rate, and Adam for everything else.

    Args:
        network: Whose parameters learn. Selectors without a rate are taken out of its gradients.
        recipe: Tells the rates.
        scaler: Keeps small gradients of float16 from vanishing.
    """

    def __init__(self, network: Network, recipe: Recipe, scaler: torch.amp.GradScaler) -> None:
        self._scaler = scaler
        self._clip = recipe.clip_gradient
        self._parameters = list(network.parameters())
        self._names: dict[Tensor, str] = {p: name for name, p in network.named_parameters()}
        self._bounds, selectors = _site_parameters(network)
        for parameter in selectors:
            parameter.requires_grad_(recipe.selector_rate > 0)
        special = {id(p) for p in [*self._bounds, *selectors]}
        weights = [p for p in self._parameters if id(p) not in special]
        directed = [p for p in weights if recipe.kernel_rate and p.dim() > 1]
        others = [p for p in weights if not (recipe.kernel_rate and p.dim() > 1)]
        groups = (
            (others, recipe.learning_rate),
            (self._bounds, recipe.bound_rate),
            (selectors, recipe.selector_rate),
        )
        self._optimisers: list[torch.optim.Optimizer] = [
            torch.optim.Adam([{"params": p, "lr": rate} for p, rate in groups if p], fused=True)
        ]
        if directed:
            self._optimisers.append(Muon(directed, recipe.kernel_rate))
        for group in self._groups():
            group["peak"] = group["lr"]

    @property
    def may_overflow(self) -> bool:
        """Whether gradients may be infinite or no numbers.

        A scaler tries float16 gradients at scales that overflow, and leaves those steps out.
        """
        return self._scaler.is_enabled() and self._scaler.get_scale() >= 1

    def set_rates(self, factor: float) -> None:
        """Bring all rates to a share of those in the recipe, 0..1."""
        for group in self._groups():
            group["lr"] = group["peak"] * factor

    def backward(self, loss: Tensor, *, bounds: bool) -> Tensor:
        """Find the gradients of a loss.

        Args:
            loss: A scalar.
            bounds: Whether bounds learn too.

        Returns:
            The norm of all gradients, a scalar.
        """
        for parameter in self._parameters:
            parameter.grad = None
        self._scaler.scale(loss).backward()
        for optimiser in self._optimisers:
            self._scaler.unscale_(optimiser)
        if not bounds:
            for bound in self._bounds:
                bound.grad = None
        return get_total_norm([p.grad for p in self._parameters if p.grad is not None])

    def step(self, norm: Tensor) -> None:
        """Move all parameters by their gradients, which have that norm and may be clipped."""
        if self._clip:
            clip_grads_with_norm_(self._parameters, self._clip, norm)
        for optimiser in self._optimisers:
            self._scaler.step(optimiser)
        self._scaler.update()
        with torch.no_grad():
            for bound in self._bounds:
                bound.clamp_(min=SMALLEST_BOUND)

    def moments(self) -> dict[str, Tensor]:
        """What they remember of the gradients, as tensors named ``PARAMETER/NAME``."""
        return {
            f"{self._names[parameter]}/{key}": value
            for optimiser in self._optimisers
            for parameter, moments in optimiser.state.items()
            for key, value in moments.items()
        }

    def restore(self, moments: dict[str, Tensor]) -> None:
        """The inverse of `moments`.

        Raises:
            KeyError: a moment of a parameter that none of them updates, of another optimiser, or of
                a shape or kind that the parameter's has not.
        """
        owners = {
            self._names[parameter]: (optimiser, parameter)
            for optimiser in self._optimisers
            for group in optimiser.param_groups
            for parameter in group["params"]
        }
        found: dict[str, dict[str, Tensor]] = {}
        for key, value in moments.items():
            name, _, moment = key.rpartition("/")
            found.setdefault(name, {})[moment] = value
        for name, values in found.items():
            optimiser, parameter = owners[name]
            if values.keys() != _MOMENTS[type(optimiser)]:
                raise KeyError(f"the moments of {name} are another optimiser's")
            for moment, value in values.items():
                shape = () if moment == _COUNT else parameter.shape
                if value.shape != shape or value.dtype != torch.float32:
                    raise KeyError(f"{moment} of {name} is of another kind")
                optimiser.state[parameter][moment] = value.to(parameter.device)

    def _groups(self) -> Iterator[dict[str, Any]]:
        return (group for optimiser in self._optimisers for group in optimiser.param_groups)


def _site_parameters(network: nn.Module) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """The bounds of a network's sites, and the parameters of their selectors."""
    bounds, selectors = [], []
    for site in sites(network):
        bounds.append(site.bounds)
        if isinstance(site, DynamicSite):
            selectors += list(site.selector.parameters())
    return bounds, selectors
