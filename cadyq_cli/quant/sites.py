"""Sites: the places in front of a quantized convolution where features are rounded.

A site turns a tensor into an `Activation` and records in the `Trace` which width it used.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from cadyq_cli.quant.limits import FAINTEST, SMALLEST_INPUT
from cadyq_cli.quant.rounding import EAGER, encode, highest_code, quantize, straight_through
from cadyq_cli.quant.sensitivity import channel_spread
from cadyq_cli.quant.trace import Activation, Choice, Trace


class FloatSite(nn.Module):
    """Leaves features as they are."""

    def forward(self, x: Tensor, trace: Trace) -> Activation:
        return Activation(x)


class QuantSite(nn.Module):
    """Rounds features to one of K grids, each with a learned bound.

    The bounds are values, as in the paper, or with `relative` multiples of each image's own root
    mean square, or of `faintest` where that is more: usual images have the same bounds, and those
    of a strong one are as much wider as it is stronger than they.

    While `observer` is set it is shown every input, and nothing is clipped (range initialisation).

    Raises:
        ValueError: a width outside 2..9 bit; the engine's codes end at 255, signed or not.
    """

    faintest: Tensor
    highest: Tensor
    widths: Tensor

    def __init__(self, name: str, widths: Sequence[int], *, unsigned: bool, relative: bool) -> None:
        super().__init__()
        if not widths or not all(2 <= bits <= 9 for bits in widths):
            raise ValueError(f"bit-widths must lie in 2..9, got {tuple(widths)}")
        self.name = name
        self.unsigned = unsigned
        self.relative = relative
        self.observer: Callable[[QuantSite, Tensor], None] | None = None
        self.kernels = EAGER
        self.bounds = nn.Parameter(torch.ones(len(widths)))  # (K,)
        if relative:
            self.register_buffer("faintest", torch.tensor(FAINTEST))
        top = [float(highest_code(bits, unsigned=unsigned)) for bits in widths]
        self.register_buffer("highest", torch.tensor(top), persistent=False)
        self.register_buffer("widths", torch.tensor(widths, dtype=torch.float), persistent=False)

    def round(self, x: Tensor, soft: Tensor, chosen: Tensor) -> Activation:
        """Round each image on the grid `chosen` (N,) for it; see `rounding.quantize`."""
        x = x.float()  # under autocast codes would not come out whole
        clip = self.observer is None
        magnitude = self.magnitude(x)
        if self.observer is not None:
            self.observer(self, x)
        if torch.is_grad_enabled():
            rounded = quantize(
                x,
                self.bounds,
                self.highest,
                magnitude,
                soft,
                chosen,
                unsigned=self.unsigned,
                clip=clip,
                kernels=self.kernels,
            )
            return Activation(rounded)
        bound, highest = (v[chosen].view(-1, 1, 1, 1) for v in (self.bounds, self.highest))
        bound = bound * magnitude
        return Activation(*encode(x, bound, highest, unsigned=self.unsigned, clip=clip))

    def magnitude(self, x: Tensor) -> Tensor:
        """The unit of each image's bounds, shape (N, 1, 1, 1), to 8 significant bits.

        Sums in another order round to the same, and so does every value of a patch after them.
        """
        if not self.relative:
            return x.new_ones(len(x), 1, 1, 1)
        return strength(x).clamp_min(self.faintest).bfloat16().to(x.dtype)


def strength(x: Tensor) -> Tensor:
    """The root mean square of each image (N, C, H, W), shape (N, 1, 1, 1), without gradient."""
    return x.detach().square().mean(dim=(1, 2, 3), keepdim=True).sqrt()


class StaticSite(QuantSite):
    """One width for every image, with a learned bound (PAMS).

    Sites that the paper does not count towards the average width are not recorded.
    """

    def __init__(
        self,
        name: str,
        bits: int = 8,
        *,
        unsigned: bool = False,
        relative: bool = False,
        counted: bool = True,
    ) -> None:
        super().__init__(name, (bits,), unsigned=unsigned, relative=relative)
        self.counted = counted

    def forward(self, x: Tensor, trace: Trace) -> Activation:
        if self.counted:
            bits = self.widths.expand(len(x))
            trace.record(self.name, Choice(bits, expected=bits))
        alike = torch.zeros(len(x), dtype=torch.long, device=x.device)
        return self.round(x, x.new_ones(len(x), 1), alike)


class DynamicSite(QuantSite):
    """Picks a width for every image of a batch, as if it were alone (CADyQ, section 3.2).

    The selector is a linear layer from the image's gradient and the spread of the site's input to
    one score a candidate width; the highest score wins. At first all widths score alike, but the
    last, which leads by one. `input_scale` multiplies the selector's inputs; the released code
    weighs the gradient by `gradient_scale` and leaves the spread as it is.

    With `logarithmic` the selector sees the logarithms of its inputs: what a width costs a patch
    grows with powers of them.
    """

    input_scale: Tensor

    def __init__(
        self,
        name: str,
        channels: int,
        widths: Sequence[int],
        *,
        unsigned: bool = False,
        relative: bool = False,
        gradient_scale: float = 1000.0,
        logarithmic: bool = False,
    ) -> None:
        super().__init__(name, widths, unsigned=unsigned, relative=relative)
        self.logarithmic = logarithmic
        scale = torch.ones(2 + channels)
        scale[:2] = gradient_scale
        self.register_buffer("input_scale", scale)
        self.selector = nn.Linear(2 + channels, len(widths))
        with torch.no_grad():
            self.selector.weight.fill_(1.0)
            self.selector.bias.copy_(torch.arange(len(widths)) == len(widths) - 1)

    def forward(self, x: Tensor, trace: Trace) -> Activation:
        spread = channel_spread(x)
        scores = self.selector(self.inputs(torch.cat([trace.gradient, spread], dim=1)))
        soft = scores.softmax(dim=1)  # (N, K)
        chosen = scores.argmax(dim=1)
        expected = soft @ self.widths
        bits = straight_through(self.widths[chosen], expected)
        trace.record(self.name, Choice(bits, expected, scores, spread))
        if not scores.requires_grad:  # nothing learns to choose, so only what was chosen learns
            soft = one_hot(chosen, len(self.widths)).to(soft)
        return self.round(x, soft, chosen)

    def inputs(self, measured: Tensor) -> Tensor:
        """What the selector sees of each image's gradient and spread, shape (N, 2 + C)."""
        scaled = measured * self.input_scale
        if self.logarithmic:
            scaled = scaled.clamp_min(SMALLEST_INPUT).log() / scaled.shape[1] ** 0.5
        return scaled
