"""A network as its card describes it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

import torch
from torch import Tensor, nn

from cadyq_cli.backbones.registry import build
from cadyq_cli.engine.compile import compile_network
from cadyq_cli.engine.finite import check_finite
from cadyq_cli.engine.program import Program
from cadyq_cli.engine.reach import FARTHEST, reach_of
from cadyq_cli.engine.runner import Chosen, DifferenceFit, Map, Result
from cadyq_cli.errors import InputError, UncompilableError
from cadyq_cli.networks.card import Card
from cadyq_cli.quant.layers import PRECISIONS
from cadyq_cli.quant.prices import Dial
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
    price = 0.0  # see `Runner`
    exact_bits: float | None = None  # likewise
    threads = 1  # torch spreads every layer over the cores itself

    def __init__(self, card: Card) -> None:
        super().__init__()
        if card.precision not in PRECISIONS:
            choices = ", ".join(PRECISIONS)
            raise InputError(f"unknown precision {card.precision!r}; choose from {choices}")
        try:
            layers = PRECISIONS[card.precision](**card.layers)
            self.backbone = build(card.backbone, card.settings, layers)
        except (TypeError, ValueError, RuntimeError) as error:
            reason = str(error).partition("\n")[0]
            raise InputError(f"a network cannot be built from its settings: {reason}") from error
        self.card = card

    @property
    def scale(self) -> int:
        """How many times as large an image becomes."""
        return self.card.scale

    @property
    def difference_fit(self) -> DifferenceFit | None:
        """See `Runner`."""
        return self.card.difference_fit

    @property
    def dial(self) -> Dial | None:
        """See `Runner`."""
        return self.card.known_dial

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
        trace = Trace(image_gradient(image), keep_features, self.price)
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


def shapes_of(card: Card) -> dict[str, torch.Size]:
    """The weights of a network of that card, by name. They are not made, and take no memory.

    Raises:
        InputError: as for `Network`.
    """
    with torch.device("meta"):
        return {name: value.shape for name, value in Network(card).backbone.state_dict().items()}


def check_fit(card: Card, found: Mapping[str, tuple[int, ...]]) -> None:
    """Refuse weights of other names or shapes than a network of that card has.

    Raises:
        InputError: as for `Network`.
        ValueError: they do not fit; the message names the first that does not.
    """
    expected = shapes_of(card)
    if missing := [name for name in expected if name not in found]:
        raise ValueError(f"it lacks {len(missing)} entries, for instance {missing[0]}")
    if extra := [name for name in found if name not in expected]:
        raise ValueError(f"it has {len(extra)} entries too many, for instance {extra[0]:.100}")
    for name, shape in found.items():
        want = tuple(expected[name])
        if tuple(shape) != want and (tuple(shape), want) != ((1,), ()):  # numbers are saved as (1,)
            raise ValueError(f"{name} has the shape {tuple(shape)} where {want} belongs")


def check_weights(network: Network) -> None:
    """Refuse weights that are no numbers.

    Raises:
        ValueError: one is not finite.
    """
    for name, value in network.backbone.state_dict().items():
        if not value.isfinite().all():
            raise ValueError(f"{name} is not finite throughout")


def _chosen(choice: Choice) -> Chosen:
    """What was chosen for the only image of a batch."""
    if choice.scores is None or choice.spread is None:
        return Chosen(int(choice.bits))
    scores, spread = choice.scores[0].cpu().numpy(), choice.spread[0].cpu().numpy()
    return Chosen(int(choice.bits), scores, spread)
