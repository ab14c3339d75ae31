"""One stage of training."""

from __future__ import annotations

import copy
import math
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext

import numpy as np
import torch
from torch import Tensor, nn

from cadyq_cli.backbones.carn import running_at
from cadyq_cli.networks.network import Network
from cadyq_cli.quant.ranges import follow_range, observing, sites
from cadyq_cli.quant.rounding import Kernels
from cadyq_cli.quant.sites import DynamicSite, QuantSite
from cadyq_cli.quant.trace import Trace
from cadyq_cli.training.data.crops import Batch, Crops
from cadyq_cli.training.learning.arithmetic import Mixed, can_compile
from cadyq_cli.training.learning.health import Health
from cadyq_cli.training.learning.losses import (
    Losses,
    Step,
    attention_loss,
    bit_loss,
    pixel_loss,
    psnr_loss,
    wrong_anyway,
)
from cadyq_cli.training.learning.optimisers import Optimisers
from cadyq_cli.training.learning.processes import ALONE, Processes
from cadyq_cli.training.learning.state import State
from cadyq_cli.training.recipes.recipe import EPOCH, Recipe

PRICE_GAIN = 0.01  # how fast the bit price follows the average width, per step and bit


class Trainer:
    """Trains a network in place by a recipe, and can stop and resume at any step.

    The batches depend on the seed and the step alone, so a resumed run sees what an uninterrupted
    one would, and several processes together what one would.

    Args:
        network: What to train; its card tells the precision.
        recipe: How to train it.
        crops: What to learn from.
        teacher: Whose attention and output to imitate, of any precision; None for nobody's.
        spared: Whether the teacher sees low resolution before its degradation.
        scales: Of a network for several scales, those to learn; each step takes one.
        processes: Who shares the work. All pass the same arguments.
        workers: Threads that cut batches ahead of their step.
        compiled: Whether network and teacher are compiled as they are first run.

    Raises:
        InputError: the recipe's batch cannot be shared, or its arithmetic is not available here.
    """

    def __init__(
        self,
        network: Network,
        recipe: Recipe,
        crops: Crops,
        teacher: Network | None = None,
        *,
        spared: bool = False,
        scales: Sequence[int] = (),
        processes: Processes = ALONE,
        workers: int = 1,
        compiled: bool = False,
    ) -> None:
        self.network = network
        self.recipe = recipe
        self.step = 0  # steps done
        self.stopping = False  # set to end `run` after a step, in all processes
        self.bit_price = recipe.bit_price
        self.average = copy.deepcopy(network)
        self._agreed = False  # all processes know that one is to stop
        self._health = Health()
        self._crops = crops
        self._teacher = teacher if recipe.distills else None
        self._spared = spared
        self._attends = bool(teacher and (recipe.distill_last or recipe.distill_blocks))
        self._scales = tuple(scales) or (network.card.scale,)
        self._processes = processes
        self._places = processes.share(recipe.batch)
        self._workers = workers
        self._device = next(network.parameters()).device
        self._mixed = Mixed.of(recipe.arithmetic, self._device)
        self._scaler = self._mixed.scaler()
        if self._device.type == "cuda" and processes.count > 1:
            nn.SyncBatchNorm.convert_sync_batchnorm(network)
        self._parallel = processes.parallel(network, partly=len(self._scales) > 1)
        self._dynamic = any(isinstance(site, DynamicSite) for site in sites(network))
        self._frozen_norms = [
            module
            for module in network.modules()
            if recipe.freeze_norms and isinstance(module, (nn.BatchNorm2d, nn.SyncBatchNorm))
        ]
        self._optimisers = Optimisers(network, recipe, self._scaler)
        self._followers = _pairs(self.average, network)
        quantized = list(sites(network))
        if recipe.fuse and quantized and can_compile(self._device):
            kernels = Kernels.fused()
            for site in quantized:
                site.kernels = kernels
        for whole in filter(None, (network, self._teacher) if compiled else ()):
            whole.compile()

    def run(self, on_step: Callable[[Step], None], *, until: int | None = None) -> None:
        """Train until the recipe's last step, or `until` that many are done.

        Raises:
            DivergedError: the loss is infinite, not a number, or several times what it was; the
                weights are as before that step.
        """
        last = min(until or self.recipe.steps, self.recipe.steps)
        for batch, scale in self._batches(last):
            on_step(self._train(batch, scale))
            if self.stopped:
                break

    @property
    def stopped(self) -> bool:
        """Whether `run` ends before its last step, in this process as in all."""
        return self.stopping if self._processes.count == 1 else self._agreed

    @property
    def healthy(self) -> bool:
        """Whether the loss is about as low as ever, so that a state is worth keeping."""
        return self._health.good

    def state(self) -> State:
        """Everything that `resume` needs."""
        parts = {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "moment": self._optimisers.moments(),
        }
        return State(
            step=self.step,
            bit_price=self.bit_price,
            recent=self._health.recent,
            lowest=self._health.lowest,
            scaler=self._scaler.state_dict(),
            tensors={f"{part}/{k}": v for part, state in parts.items() for k, v in state.items()},
        )

    def resume(self, state: State) -> None:
        """Continue from a state; the recipe may have changed since it was taken.

        Raises:
            ValueError: it is another network's, or its kernels learned by another optimiser.
        """
        try:
            self.network.load_state_dict(state.part("network"))
            self.average.load_state_dict(state.part("average"))
            self._optimisers.restore(state.part("moment"))
            if state.scaler:
                self._scaler.load_state_dict(state.scaler)
        except (RuntimeError, KeyError) as error:
            raise ValueError("the state is of another network or optimiser") from error
        self.step, self.bit_price = state.step, state.bit_price
        self._health = Health(state.recent, state.lowest)

    def _batches(self, last: int) -> Iterator[tuple[Batch, int]]:
        """The batches of the steps to come, cut a few steps ahead."""
        with ThreadPoolExecutor(self._workers) as pool:
            ahead: deque[Future[tuple[Batch, int]]] = deque()
            for step in range(self.step, last):
                for coming in range(step + len(ahead), min(step + 1 + self._workers, last)):
                    ahead.append(pool.submit(self._batch, coming))
                yield ahead.popleft().result()

    def _batch(self, step: int) -> tuple[Batch, int]:
        """Of one step, in 0..1, and the scale that it is for."""
        scale = self._scales[0]
        if len(self._scales) > 1:
            scale = int(np.random.default_rng((self.recipe.seed, step)).choice(self._scales))
        pixels = self._crops.pixels(step, self._places, self.recipe.patch, scale=scale)
        low, high = self._ready(pixels.low), self._ready(pixels.high)
        sees_more = self._teacher is not None and self._spared and pixels.clean is not pixels.low
        return Batch(low, high, self._ready(pixels.clean) if sees_more else low), scale

    def _ready(self, pixels: Tensor) -> Tensor:
        return pixels.to(self._device, memory_format=torch.channels_last).float().div_(255)

    def _train(self, batch: Batch, scale: int) -> Step:
        factor = self.recipe.rate_at(self.step)
        self._optimisers.set_rates(factor)
        losses, trace = self._forward(batch, scale)
        learned = not self._following  # else they have just been set
        norm = self._optimisers.backward(losses.total(), bounds=learned)
        step = self._gathered(losses, trace, norm, factor)
        self._health.check(step, may_overflow=self._optimisers.may_overflow)
        self._optimisers.step(norm)
        self._update_average()
        if step.average_bits is not None:
            self._adjust_price(step.average_bits)
        self.step += 1
        return step

    @property
    def _following(self) -> bool:
        """Whether bounds are still set by what the sites see."""
        return self.step < self.recipe.range_steps

    def _forward(self, batch: Batch, scale: int) -> tuple[Losses, Trace]:
        recipe, (low, high, clean) = self.recipe, batch
        self.network.train()
        for norm in self._frozen_norms:
            norm.eval()
        watch = observing(self.network, self._follow) if self._following else nullcontext()
        with running_at(self.network.backbone, scale), watch, self._mixed.autocast():
            output, trace = self._parallel(low, keep_features=self._attends)
        output = output.float()
        bit = imitated = attention = output.new_zeros(())
        if self._dynamic:
            # A sum over the batch, of which this process has a share.
            bit = self.bit_price * bit_loss(trace) * self._processes.count
        if self._teacher is not None:
            with (
                torch.no_grad(),
                running_at(self._teacher.backbone, scale),
                self._mixed.autocast(),
            ):
                wanted, theirs = self._teacher(clean, keep_features=self._attends)
            wanted = wanted.float()
        # what is about as far from the photograph as the output will be
        reference = output if self._teacher is None or clean is not low else wanted
        if self._teacher is not None:
            imitated = recipe.distill_output * self._difference(output, wanted, reference, high)
        if self._attends:
            attention = attention_loss(
                trace.features,
                theirs.features,
                last=recipe.distill_last,
                blocks=recipe.distill_blocks,
            )
        truth = recipe.truth * self._difference(output, high, reference, high)
        return Losses(truth, imitated, attention, bit), trace

    def _difference(
        self, output: Tensor, target: Tensor, reference: Tensor, truth: Tensor
    ) -> Tensor:
        """By the recipe's loss; `reference` is as far from the truth as the output is to be."""
        if self.recipe.loss == "psnr":
            wrong = wrong_anyway(reference, truth, floor=self.recipe.loss_floor)
            return psnr_loss(output, target, wrong)
        return pixel_loss(output, target)

    def _follow(self, site: QuantSite, x: Tensor) -> None:
        """`follow_range`, over the batches of all processes."""
        follow_range(site, x)
        if self._processes.count > 1:
            with torch.no_grad():
                site.bounds.copy_(self._processes.mean(site.bounds.detach().clone()))

    def _gathered(self, losses: Losses, trace: Trace, norm: Tensor, factor: float) -> Step:
        """The step in plain numbers, at the cost of one wait for the device."""
        bits = trace.average_bits().mean() if trace.choices else losses.bit
        stopping = losses.bit.new_tensor(float(self.stopping))
        terms = [losses.truth, losses.output, losses.attention, losses.bit, bits, norm, stopping]
        values = self._processes.mean(torch.stack([term.detach().float() for term in terms]))
        truth, output, attention, bit, average, gradient, stops = values.tolist()
        self._agreed = stops > 0
        return Step(
            number=self.step + 1,
            truth=truth,
            output=output,
            attention=attention,
            bit=bit,
            average_bits=average if trace.choices else None,
            gradient=gradient,
            bit_price=self.bit_price,
            rate=factor,
        )

    @torch.no_grad()
    def _update_average(self) -> None:
        """Move the average of the weights; early on it forgets faster, so that it starts anew."""
        decay = min(self.recipe.average, (1 + self.step) / (10 + self.step))
        for value, ours in self._followers:
            if value.is_floating_point() and self.recipe.average:
                value.lerp_(ours, 1 - decay)
            else:
                value.copy_(ours)

    def _adjust_price(self, bits: float) -> None:
        """Steer the bit price by the batch's average width."""
        target = self.recipe.target_bits
        if target is not None:
            self.bit_price *= math.exp(PRICE_GAIN * (bits - target))
        elif (self.step + 1) % EPOCH == 0:
            self.bit_price += self.recipe.bit_price_growth


def _pairs(average: nn.Module, network: nn.Module) -> list[tuple[Tensor, Tensor]]:
    """The values of a network's average, each with what it follows."""
    ours = network.state_dict()
    return [(value, ours[name]) for name, value in average.state_dict().items()]
