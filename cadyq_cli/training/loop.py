"""One stage of training."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn

from cadyq_cli.checkpoint.network import Network
from cadyq_cli.errors import CadyqError, InputError
from cadyq_cli.quant.ranges import follow_range, observing, sites
from cadyq_cli.quant.rounding import Kernels
from cadyq_cli.quant.sites import DynamicSite, QuantSite
from cadyq_cli.quant.trace import Trace
from cadyq_cli.training.losses import Losses, attention_loss, bit_loss, pixel_loss
from cadyq_cli.training.photos import Photos
from cadyq_cli.training.recipe import EPOCH, Recipe
from cadyq_cli.training.state import State, optimiser_moments, restore_moments

PRICE_GAIN = 0.01  # how fast the bit price follows the average width, per step and bit


class DivergedError(CadyqError):
    """The loss is no number any more."""


@dataclass(frozen=True, slots=True)
class Step:
    """What one step came to, in plain numbers."""

    number: int  # counted from 1
    truth: float  # the terms of the loss, see `Losses`
    output: float
    attention: float
    bit: float
    average_bits: float | None
    bit_price: float
    rate: float  # factor on the learning rates


class Trainer:
    """Trains a network in place by a recipe, and can stop and resume at any step.

    The batches depend on the seed and the step alone, so a resumed run sees what an uninterrupted
    one would.

    Args:
        network: What to train; its card tells the precision.
        recipe: How.
        photos: What from.
        teacher: Whose attention and output to imitate, of any precision; None for nobody's.
    """

    def __init__(
        self, network: Network, recipe: Recipe, photos: Photos, teacher: Network | None = None
    ) -> None:
        self.network = network
        self.recipe = recipe
        self.step = 0  # steps done
        self.stopping = False  # set to end `run` after the step at hand
        self.bit_price = recipe.bit_price
        self.average = copy.deepcopy(network)
        self._photos = photos
        self._teacher = teacher if recipe.distills else None
        self._device = next(network.parameters()).device
        self._names: dict[Tensor, str] = {p: name for name, p in network.named_parameters()}
        bounds, selectors = _site_parameters(network)
        special = {id(p) for p in [*bounds, *selectors]}
        weights = [p for p in network.parameters() if id(p) not in special]
        groups = (
            (weights, recipe.learning_rate),
            (bounds, recipe.bound_rate),
            (selectors, recipe.selector_rate),
        )
        self._optimiser = torch.optim.Adam(
            [{"params": p, "lr": rate, "peak": rate} for p, rate in groups if p]
        )
        self._bounds = bounds
        if recipe.fuse:
            kernels = Kernels.fused()
            for site in sites(network):
                site.kernels = kernels

    def run(self, on_step: Callable[[Step], None], *, until: int | None = None) -> None:
        """Train until the recipe's last step, or `until` that many are done.

        Raises:
            DivergedError: the loss is infinite or no number; the network is as before that step.
        """
        last = min(until or self.recipe.steps, self.recipe.steps)
        with ThreadPoolExecutor(1) as ahead:
            coming = ahead.submit(self._batch, self.step)
            while self.step < last and not self.stopping:
                batch = coming.result()
                if self.step + 1 < last:
                    coming = ahead.submit(self._batch, self.step + 1)
                on_step(self._train(*batch))

    def state(self) -> State:
        """Everything that `resume` needs."""
        moments = optimiser_moments(self._optimiser, self._names)
        parts = {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "moment": moments,
        }
        return State(
            step=self.step,
            bit_price=self.bit_price,
            recipe=asdict(self.recipe),
            tensors={f"{part}/{k}": v for part, state in parts.items() for k, v in state.items()},
        )

    def resume(self, state: State) -> None:
        """Go on where a state was taken.

        Raises:
            InputError: it was taken with another recipe; more steps alone are allowed.
        """
        ours, theirs = asdict(self.recipe), asdict(Recipe()) | state.recipe
        changed = [k for k, v in ours.items() if k != "steps" and theirs.get(k) != v]
        if changed:
            raise InputError(f"cannot resume with another {', '.join(changed)}; use a new folder")
        self.network.load_state_dict(state.part("network"))
        self.average.load_state_dict(state.part("average"))
        restore_moments(self._optimiser, self._names, state.part("moment"))
        self.step, self.bit_price = state.step, state.bit_price

    def _batch(self, step: int) -> tuple[Tensor, Tensor]:
        low, high = self._photos.batch(step, self.recipe.batch, self.recipe.patch)
        return (
            low.to(self._device, memory_format=torch.channels_last),
            high.to(self._device, memory_format=torch.channels_last),
        )

    def _train(self, low: Tensor, high: Tensor) -> Step:
        recipe, following = self.recipe, self.step < self.recipe.range_steps
        factor = recipe.rate_at(self.step)
        for group in self._optimiser.param_groups:
            group["lr"] = group["peak"] * factor
        for bound in self._bounds:
            bound.requires_grad_(not following)

        self.network.train()
        watch = observing(self.network, follow_range) if following else nullcontext()
        with watch, _mixed_precision(self._device):
            output, trace = self.network(low, keep_features=self._teacher is not None)
        losses = self._losses(output.float(), high, trace, low)
        total = losses.total()
        if not torch.isfinite(total):
            raise DivergedError(f"the loss is {total.item()} at step {self.step + 1}")
        self._optimiser.zero_grad(set_to_none=True)
        total.backward()
        self._optimiser.step()
        self._keep_bounds_positive()
        self._update_average()
        bits = self._adjust_price(trace)
        self.step += 1
        return Step(
            self.step,
            losses.truth.item(),
            losses.output.item(),
            losses.attention.item(),
            losses.bit.item(),
            bits,
            self.bit_price,
            factor,
        )

    def _losses(self, output: Tensor, high: Tensor, trace: Trace, low: Tensor) -> Losses:
        recipe, nothing = self.recipe, output.new_zeros(())
        bit = imitated = attention = nothing
        if any(isinstance(site, DynamicSite) for site in self.network.modules()):
            bit = self.bit_price * bit_loss(trace)
        if self._teacher is not None:
            with torch.no_grad(), _mixed_precision(self._device):
                wanted, theirs = self._teacher(low, keep_features=True)
            imitated = recipe.distill_output * pixel_loss(output, wanted.float())
            attention = attention_loss(
                trace.features,
                theirs.features,
                last=recipe.distill_last,
                blocks=recipe.distill_blocks,
            )
        return Losses(recipe.truth * pixel_loss(output, high), imitated, attention, bit)

    def _keep_bounds_positive(self) -> None:
        with torch.no_grad():
            for bound in self._bounds:
                bound.clamp_(min=1e-3)

    @torch.no_grad()
    def _update_average(self) -> None:
        """Move the average of the weights; early on it forgets faster, so that it starts anew."""
        decay = min(self.recipe.average, (1 + self.step) / (10 + self.step))
        ours = self.network.state_dict()
        for name, value in self.average.state_dict().items():
            if value.is_floating_point() and self.recipe.average:
                value.lerp_(ours[name], 1 - decay)
            else:
                value.copy_(ours[name])

    def _adjust_price(self, trace: Trace) -> float | None:
        """Steer the bit price; returns the batch's average width."""
        if not trace.choices:
            return None
        bits = float(trace.average_bits().detach().mean())
        target = self.recipe.target_bits
        if target is not None:
            self.bit_price *= math.exp(PRICE_GAIN * (bits - target))
        elif (self.step + 1) % EPOCH == 0:
            self.bit_price += self.recipe.bit_price_growth
        return bits


def _site_parameters(network: nn.Module) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    bounds, selectors = [], []
    for module in network.modules():
        if isinstance(module, QuantSite):
            bounds.append(module.bounds)
        if isinstance(module, DynamicSite):
            selectors += list(module.selector.parameters())
    return bounds, selectors


def _mixed_precision(device: torch.device) -> torch.autocast | nullcontext[None]:
    """bf16 where the device multiplies it natively; sites and losses stay in float32."""
    native = (
        torch.cuda.is_bf16_supported()
        if device.type == "cuda"
        else torch.ops.mkldnn._is_mkldnn_bf16_supported()  # noqa: SLF001, nothing public tells
    )
    return torch.autocast(device.type, torch.bfloat16) if native else nullcontext()
