"""Sites: the places in front of a quantized convolution where features are rounded.

A site turns a tensor into an `Activation` and records in the `Trace` which width it used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from cadyq_cli.quant.limits import FAINTEST, SMALLEST_INPUT
from cadyq_cli.quant.rounding import (
    EAGER,
    Grids,
    encode,
    highest_code,
    quantize,
    straight_through,
)
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

    With `channel_ranges` each channel is divided by its `span` before all this, and the weights
    that read it are to hold the spans. With `offsets` a bound is the length of a range that begins
    below 0 by a share of it, `zero`, of each channel.

    While `observer` is set it is shown every input, and nothing is clipped (range initialisation).

    Raises:
        ValueError: a width outside 2..9 bit, or 2..8 with offsets; the engine's codes end at 255,
            signed or not. Or offsets where nothing can be negative.
    """

    faintest: Tensor
    span: Tensor
    zero: Tensor
    widths: Tensor
    _levels: Tensor

    def __init__(
        self,
        name: str,
        widths: Sequence[int],
        *,
        channels: int = 1,
        unsigned: bool = False,
        relative: bool = False,
        channel_ranges: bool = False,
        offsets: bool = False,
    ) -> None:
        super().__init__()
        widest = 8 if offsets else 9
        if not widths or not all(2 <= bits <= widest for bits in widths):
            raise ValueError(f"bit-widths must lie in 2..{widest}, got {tuple(widths)}")
        if offsets and unsigned:
            raise ValueError("grids without a sign have no offsets")
        self.name = name
        self.unsigned, self.offsets = unsigned, offsets
        self.relative, self.channel_ranges = relative, channel_ranges
        self.observer: Callable[[QuantSite, Tensor], None] | None = None
        self.kernels = EAGER
        self.bounds = nn.Parameter(torch.ones(len(widths)))  # (K,)
        if relative:
            self.register_buffer("faintest", torch.tensor(FAINTEST))
        if channel_ranges:
            self.register_buffer("span", torch.ones(channels))
        if offsets:
            self.register_buffer("zero", torch.full((channels,), 0.5))
        signed = not (unsigned or offsets)
        levels = [highest_code(bits, unsigned=not signed) * (1 + signed) for bits in widths]
        column = torch.tensor(levels, dtype=torch.float)[:, None]  # (K, 1), codes beside 0
        self.register_buffer("_levels", column, persistent=False)
        self.register_buffer("widths", torch.tensor(widths, dtype=torch.float), persistent=False)

    @property
    def grids(self) -> Grids:
        """The whole codes of each width."""
        if self.offsets:
            lowest = -(self.zero * self._levels).round()
            return Grids(self._levels, lowest, lowest + self._levels)
        if self.unsigned:
            return Grids(self._levels, torch.zeros_like(self._levels), self._levels)
        return Grids(self._levels / 2, -self._levels / 2, self._levels / 2)

    def spanned(self, x: Tensor) -> Tensor:
        """What bounds are to hold of features (N, C, H, W): each channel over its span."""
        return x / self.span[:, None, None] if self.channel_ranges else x

    def round(self, x: Tensor, soft: Tensor, chosen: Tensor) -> Activation:
        """Round each image on the grid `chosen` (N,) for it; see `rounding.quantize`."""
        x = x.float()  # under autocast codes would not come out whole
        magnitude, grids = self.magnitude(x), self.grids
        if self.observer is not None:
            self.observer(self, x)
            grids = grids.endless()
        span = self.span[:, None, None] if self.channel_ranges else None
        if torch.is_grad_enabled():
            rounded = quantize(
                self.spanned(x), self.bounds, grids, magnitude, soft, chosen, kernels=self.kernels
            )
            return Activation(rounded, span=span)
        divisions, lowest, highest = grids.of(chosen)
        step = self.bounds[chosen].view(-1, 1, 1, 1) * magnitude / divisions
        codes = encode(x, step if span is None else step * span, lowest, highest)
        return Activation(codes, step, span=span)

    @torch.no_grad()
    def roundings(self, x: Tensor, magnitude: Tensor) -> Iterator[Tensor]:
        """Features (N, C, H, W) as each of the K grids rounds them, with bounds of a magnitude."""
        span = self.span[:, None, None] if self.channel_ranges else 1
        alike = torch.zeros(len(x), dtype=torch.long, device=x.device)
        for k, bound in enumerate(self.bounds):
            divisions, lowest, highest = self.grids.of(alike + k)
            step = bound * magnitude / divisions * span
            yield encode(x, step, lowest, highest) * step

    def magnitude(self, x: Tensor) -> Tensor:
        """The unit of each image's bounds, shape (N, 1, 1, 1), to 8 significant bits.

        Sums in another order round to the same, and so does every value of a patch after them.
        """
        if not self.relative:
            return x.new_ones(len(x), 1, 1, 1)
        return strength(self.spanned(x)).clamp_min(self.faintest).bfloat16().to(x.dtype)


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
        counted: bool = True,
        **form: Any,
    ) -> None:
        super().__init__(name, (bits,), **form)
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
    one score a candidate width; the highest wins, less what the trace's price takes for each bit.
    At first all widths score alike, but the last, which leads by one. `input_scale` multiplies the
    selector's inputs; the released code weighs the gradient by `gradient_scale` and leaves the
    spread as it is.

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
        gradient_scale: float = 1000.0,
        logarithmic: bool = False,
        **form: bool,
    ) -> None:
        super().__init__(name, widths, channels=channels, **form)
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
        weighed = scores - trace.price * self.widths if trace.price else scores
        soft = weighed.softmax(dim=1)  # (N, K)
        chosen = weighed.argmax(dim=1)
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
