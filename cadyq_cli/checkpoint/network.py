"""A network as its card describes it."""

from __future__ import annotations

from functools import cached_property

import torch
from torch import Tensor, nn

from cadyq_cli.backbones.registry import build
from cadyq_cli.checkpoint.card import Card
from cadyq_cli.engine.compile import compile_network
from cadyq_cli.engine.executor import Result
from cadyq_cli.engine.finite import check_finite
from cadyq_cli.engine.kernels import Map
from cadyq_cli.engine.operations import Chosen
from cadyq_cli.engine.program import Program
from cadyq_cli.engine.reach import FARTHEST, reach_of
from cadyq_cli.errors import InputError, UncompilableError
from cadyq_cli.quant.layers import PRECISIONS
from cadyq_cli.quant.sensitivity import image_gradient
from cadyq_cli.quant.sites import DynamicSite, StaticSite
from cadyq_cli.quant.trace import Choice, Trace


class Network(nn.Module):
    """Enlarges images and tells which bit-width each of them got at every site.

    It is an `engine.runner.Runner` too, on the device that holds it.

    Raises:
        InputError: the card asks for something that does not exist.
    """

    name = "the network"  # in an error, such as its file's
    threads = 1  # torch spreads every layer over the cores itself

    def __init__(self, card: Card) -> None:
        super().__init__()
        if card.precision not in PRECISIONS:
            choices = ", ".join(PRECISIONS)
            raise InputError(f"unknown precision {card.precision!r}; choose from {choices}")
        try:
            layers = PRECISIONS[card.precision](**card.layers)
            self.backbone = build(card.backbone, card.settings, layers)
        except (TypeError, ValueError) as error:
            raise InputError(f"a network cannot be built from its settings: {error}") from error
        self.card = card

    @property
    def scale(self) -> int:
        """How many times as large an image becomes."""
        return self.card.scale

    @cached_property
    def reach(self) -> int:
        """How many pixels away a pixel of the input matters at most; see `engine.reach`."""
        try:
            return reach_of(self.program(), self.backbone.state_dict())
        except UncompilableError:
            return FARTHEST

    def program(self) -> Program:
        """What the engine would run. Tracing it disturbs all networks in other threads."""
        return compile_network(self.backbone, scale=self.scale)

    @property
    def candidates(self) -> dict[str, tuple[int, ...]]:
        """The widths that each counted site may have, by its name; empty for a float network."""
        return {
            module.name: tuple(int(width) for width in module.widths)
            for module in self.modules()
            if isinstance(module, DynamicSite)
            or (isinstance(module, StaticSite) and module.counted)
        }

    def forward(self, image: Tensor, *, keep_features: bool = False) -> tuple[Tensor, Trace]:
        """Enlarge a batch; each image is quantized as if it were alone.

        Args:
            image: RGB, shape (N, 3, H, W), float, range 0..1.
            keep_features: Keep the features that distillation compares in the trace.

        Returns:
            RGB (N, 3, H * scale, W * scale), not clipped to 0..1, and the trace.
        """
        trace = Trace(image_gradient(image), keep_features)
        output: Tensor = self.backbone(image, trace)
        return output, trace

    @torch.inference_mode()
    def run(self, patch: Map) -> Result:
        """Enlarge one patch, RGB, shape (H, W, 3), float32, range 0..1.

        Raises:
            CheckpointError: what it computes is not finite.
        """
        device = next(self.parameters()).device
        image = torch.from_numpy(patch).to(device).permute(2, 0, 1)[None]
        output, trace = self(image.contiguous())
        pixels = output[0].permute(1, 2, 0).cpu().numpy()
        check_finite(pixels, name=self.name)
        return Result(
            pixels=pixels,
            gradient=trace.gradient[0].cpu().numpy(),
            choices={site: _chosen(choice) for site, choice in trace.choices.items()},
        )


def _chosen(choice: Choice) -> Chosen:
    """What was chosen for the only image of a batch."""
    if choice.scores is None or choice.spread is None:
        return Chosen(int(choice.bits))
    scores, spread = choice.scores[0].cpu().numpy(), choice.spread[0].cpu().numpy()
    return Chosen(int(choice.bits), scores, spread)
