"""A network as its card describes it."""

from __future__ import annotations

from torch import Tensor, nn

from cadyq_cli.backbones.registry import build
from cadyq_cli.checkpoint.card import Card
from cadyq_cli.errors import InputError
from cadyq_cli.quant.layers import PRECISIONS
from cadyq_cli.quant.sensitivity import image_gradient
from cadyq_cli.quant.sites import DynamicSite, StaticSite
from cadyq_cli.quant.trace import Trace


class Network(nn.Module):
    """Enlarges images and tells which bit-width each of them got at every site.

    Raises:
        InputError: the card asks for something that does not exist.
    """

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
