"""Executions of one topology: what a backbone's sites and quantized convolutions are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol, get_args, get_type_hints

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, conv_transpose2d

from cadyq_cli.quant.bordered import BorderedConv, bordered, gathered, spread
from cadyq_cli.quant.rounding import highest_code, straight_through
from cadyq_cli.quant.sites import DynamicSite, FloatSite, StaticSite
from cadyq_cli.quant.trace import Activation, Trace
from cadyq_cli.typed import fitting_value, shown

WEIGHT_BITS = 8
MAX_WIDTHS = 8  # that a selector chooses from: 2 to 9 bit

OuterPrecision = Literal["float", "static"]
Outer = nn.Conv2d | nn.ConvTranspose2d | BorderedConv  # what the paper leaves in float


class FloatConv(nn.Module):
    """A convolution with its weights as they are: ``Activation -> Tensor``."""

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        self.conv = conv

    def forward(self, activation: Activation) -> Tensor:
        output: Tensor = self.conv(activation.dense())
        return output


class FloatSums(FloatConv):
    """The same before a normalisation: ``Activation -> Activation``."""

    def forward(self, activation: Activation) -> Activation:  # type: ignore[override]
        return Activation(super().forward(activation))


def weight_codes(
    weight: Tensor, *, axes: tuple[int, ...] = (), bits: int = WEIGHT_BITS
) -> tuple[Tensor, Tensor]:
    """Round weights to whole codes in -127..127 with the step ``max|w| / 127``; for 8 bit.

    The step is one for the tensor, as in the paper (section 3.1), or one for each index of some
    axes. Without gradient; ``codes * step`` are the rounded weights.
    """
    weight = weight.detach()
    others = [i for i in range(weight.ndim) if i not in axes]
    largest = weight.abs().amax(others, keepdim=True) if axes else weight.abs().amax()
    step = largest.clamp_min(torch.finfo(weight.dtype).tiny) / highest_code(bits)
    return (weight / step).round_(), step


class HeadConv(nn.Conv2d):
    """The convolution of the image, which stays in floating point.

    Without gradients it sums in float64, where the order of the sum does not matter: sums of whole
    numbers follow, so that PyTorch and the engine choose the same widths.
    """

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__(
            conv.in_channels,
            conv.out_channels,
            conv.kernel_size,  # type: ignore[arg-type]
            padding=conv.padding,  # type: ignore[arg-type]
            device="meta",
        )
        self.weight, self.bias = conv.weight, conv.bias

    def forward(self, x: Tensor) -> Tensor:
        if torch.is_grad_enabled():
            return super().forward(x)
        sums = conv2d(x.double(), self.weight.double(), padding=self.padding).to(x.dtype)
        return sums if self.bias is None else sums + self.bias.view(-1, 1, 1)


class QuantConv(nn.Module):
    """A convolution whose weights are rounded, to 8 bit as a rule: ``Activation -> Tensor``.

    Without gradients it sums whole codes, which is exact up to 2^24 in float32.
    """

    def __init__(
        self, conv: nn.Conv2d, *, channel_steps: bool = False, bits: int = WEIGHT_BITS
    ) -> None:
        super().__init__()
        self.conv = conv
        self.channel_steps, self.bits = channel_steps, bits

    def weight_codes(self) -> tuple[Tensor, Tensor]:
        """As the function of that name."""
        axes = (0,) if self.channel_steps else ()
        return weight_codes(self.conv.weight, axes=axes, bits=self.bits)

    def forward(self, activation: Activation) -> Tensor:
        return self.sums(activation).dense()

    def sums(self, activation: Activation) -> Activation:
        """What it sums, whole codes if it reads such, and the bias beside them."""
        weight, bias = self.conv.weight, self.conv.bias
        codes, step = self.weight_codes()
        if activation.step is None:
            rounded = straight_through(codes * step, weight)
            return Activation(self._convolve(activation.codes, rounded, bias))
        sums = self._convolve(activation.codes, codes, None)
        offset = None if bias is None else bias.view(-1, 1, 1)
        return Activation(sums, activation.step.double() * step.view(-1, 1, 1), offset)

    def _convolve(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        c = self.conv
        return conv2d(x, weight, bias, c.stride, c.padding, c.dilation, c.groups)


class QuantSums(QuantConv):
    """The same before a normalisation: ``Activation -> Activation``."""

    def forward(self, activation: Activation) -> Activation:  # type: ignore[override]
        return self.sums(activation)


def normalized(norm: nn.BatchNorm2d, sums: Activation) -> Tensor:
    """Batch normalisation of what a convolution sums, shape (N, C, H, W).

    Of whole codes it is their step and offset that are normalised, in float64, as the engine does.
    """
    if sums.step is None or norm.training:
        output: Tensor = norm(sums.dense())
        return output
    statistics = (norm.weight, norm.bias, norm.running_mean, norm.running_var)
    weight, bias, mean, variance = (v.double().view(-1, 1, 1) for v in statistics if v is not None)
    factor = weight / (variance + norm.eps).sqrt()
    offset = -mean if sums.offset is None else sums.offset.double() - mean
    return Activation(sums.codes, sums.step * factor, offset * factor + bias).dense()


class OuterConv(nn.Module):
    """A convolution that the paper leaves in float, on whole numbers.

    Its input has 255 steps up to a bound of its own, so a sign makes it 9 bit; the engine computes
    with them as fast. Its weights have 8 bit and a step for each output. Tensors are named as
    those of the convolution, so that its weights serve both. It always has a bias, which can take
    off what rounding adds on average. See `QuantSite` for ranges and offsets of channels; with
    offsets its input has 8 bit.

    Raises:
        ValueError: it is padded with something else than a number of zeros.
    """

    def __init__(
        self,
        name: str,
        conv: Outer,
        *,
        nonnegative: bool,
        channel_ranges: bool = False,
        offsets: bool = False,
    ) -> None:
        super().__init__()
        if conv.padding_mode != "zeros" or isinstance(conv.padding, str):
            raise ValueError(f"outer layers are padded with a number of zeros, not as {conv}")
        self.weight = conv.weight
        none = torch.zeros(conv.out_channels, device=conv.weight.device)
        self.bias = nn.Parameter(none) if conv.bias is None else conv.bias
        self.kernel_size, self.stride, self.padding = conv.kernel_size, conv.stride, conv.padding
        self.dilation, self.groups = conv.dilation, conv.groups
        self.transposed = isinstance(conv, nn.ConvTranspose2d)
        self.output_padding = conv.output_padding
        self.bits = 8 if nonnegative or offsets else 9  # of the input
        self.site = StaticSite(
            name,
            self.bits,
            channels=conv.in_channels,
            unsigned=nonnegative,
            channel_ranges=channel_ranges,
            offsets=offsets and not nonnegative,
            counted=False,
        )

    def weight_codes(self) -> tuple[Tensor, Tensor]:
        """As the function of that name."""
        return weight_codes(self.weight, axes=(1,) if self.transposed else (0,))

    def forward(self, x: Tensor) -> Tensor:
        untraced = Trace(x.new_zeros(len(x), 2))  # nothing is chosen here, so nothing is recorded
        codes, step = self.weight_codes()
        activation = self.site(x, untraced)
        if activation.step is None:
            weight = straight_through(codes * step, self.weight)
            return self._convolve(activation.codes, weight, self.bias)
        sums = self._convolve(activation.codes, codes, None)
        step, bias = self._laid_out(step, sums), self._laid_out(self.bias, sums)
        output: Tensor = sums * (activation.step * step) + bias
        return output

    def shift(self, x: Tensor) -> Tensor:
        """What rounding adds to each output on average, for inputs (N, C, H, W); as its bias.

        Taken off the bias, it is the bias correction of Nagel et al. (ICCV 2019), section 4.2.
        """
        added = self.forward(x) - self._convolve(x, self.weight, self.bias)
        return self._mean(added.mean(0))

    def _laid_out(self, values: Tensor, like: Tensor) -> Tensor:
        """Numbers for the outputs as something that broadcasts over them."""
        return values.view(-1, 1, 1)

    def _mean(self, output: Tensor) -> Tensor:
        """Of an output (C, H, W), as its bias."""
        return output.mean((1, 2))

    def _convolve(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        if self.transposed:
            return conv_transpose2d(
                x,
                weight,
                bias,
                self.stride,
                self.padding,
                self.output_padding,
                self.groups,
                self.dilation,
            )
        return conv2d(x, weight, bias, self.stride, self.padding, self.dilation, self.groups)


class BorderedOuterConv(OuterConv):
    """An outer layer with a kernel, a bias and steps for each of the places."""

    def weight_codes(self) -> tuple[Tensor, Tensor]:
        return weight_codes(self.weight, axes=(0, 1))

    def _laid_out(self, values: Tensor, like: Tensor) -> Tensor:
        return spread(values.flatten(1), *like.shape[2:])

    def _mean(self, output: Tensor) -> Tensor:
        return gathered(output)

    def _convolve(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        return bordered(x, weight, bias)


def coded_weights(network: nn.Module) -> Iterator[tuple[str, Tensor, Tensor]]:
    """The weights that are rounded: the tensor's name, its codes and their step."""
    for name, module in network.named_modules():
        if isinstance(module, QuantConv):
            yield f"{name}.conv.weight", *module.weight_codes()
        elif isinstance(module, OuterConv):
            yield f"{name}.weight", *module.weight_codes()


class Layers(Protocol):
    """What a backbone asks for. Each implementation is one precision to run it in.

    `nonnegative` tells that a site's input cannot be negative, as after a ReLU. Such a site may
    use an unsigned grid, which has twice the codes.
    """

    def head(self, conv: nn.Conv2d) -> nn.Conv2d:
        """The convolution of the image, never quantized."""

    def outer(self, name: str, conv: Outer, *, nonnegative: bool = False) -> nn.Module:
        """A convolution of features that the paper leaves in float: ``Tensor -> Tensor``."""

    def conv(self, conv: nn.Conv2d) -> nn.Module:
        """A convolution that reads a site: ``Activation -> Tensor``."""

    def sums(self, conv: nn.Conv2d) -> nn.Module:
        """The same, if `normalized` follows: ``Activation -> Activation``."""

    def site(self, name: str, channels: int, *, nonnegative: bool = False) -> nn.Module:
        """A site that counts towards the average width: ``(Tensor, Trace) -> Activation``."""

    def fixed_site(self, name: str, channels: int, *, nonnegative: bool = False) -> nn.Module:
        """A site of 8 bit that no selector moves and nothing counts."""


@dataclass(frozen=True, kw_only=True)
class FloatLayers:
    """The network before quantization."""

    def head(self, conv: nn.Conv2d) -> nn.Conv2d:
        return conv

    def outer(self, name: str, conv: Outer, *, nonnegative: bool = False) -> nn.Module:
        return conv

    def conv(self, conv: nn.Conv2d) -> nn.Module:
        return FloatConv(conv)

    def sums(self, conv: nn.Conv2d) -> nn.Module:
        return FloatSums(conv)

    def site(self, name: str, channels: int, *, nonnegative: bool = False) -> nn.Module:
        return FloatSite()

    def fixed_site(self, name: str, channels: int, *, nonnegative: bool = False) -> nn.Module:
        return FloatSite()


@dataclass(frozen=True, kw_only=True)
class _QuantLayers:
    """What static and dynamic networks have in common.

    Raises:
        TypeError: a value of another type.
        ValueError: unknown edges, or more widths than a selector chooses from.
    """

    unsigned: bool = False  # unsigned grids where a site's input cannot be negative
    relative: bool = False  # bounds grow with images that are stronger than usual
    channel_steps: bool = False  # weights have a step for each output
    weight_bits: int = WEIGHT_BITS  # of all but the outer layers
    channel_ranges: bool = False  # each channel of a site has a range, which its weights hold
    offsets: bool = False  # ranges of channels need not be as wide below 0 as above
    edges: OuterPrecision = "float"  # of the outer layers; "static": 8 bit

    def __post_init__(self) -> None:
        for name, kind in get_type_hints(type(self)).items():
            value = getattr(self, name)
            try:
                fitting_value(kind, value)
            except TypeError as error:
                raise TypeError(f"{name} = {shown(value)} should be {error}") from error
        if self.edges not in get_args(OuterPrecision):
            known = " or ".join(get_args(OuterPrecision))
            raise ValueError(f"edges are {known}, not {self.edges!r}")
        if not 2 <= self.weight_bits <= WEIGHT_BITS:
            raise ValueError(f"weights have 2 to {WEIGHT_BITS} bit, not {self.weight_bits}")

    def head(self, conv: nn.Conv2d) -> nn.Conv2d:
        return HeadConv(conv)

    def conv(self, conv: nn.Conv2d) -> nn.Module:
        return QuantConv(conv, channel_steps=self.channel_steps, bits=self.weight_bits)

    def sums(self, conv: nn.Conv2d) -> nn.Module:
        return QuantSums(conv, channel_steps=self.channel_steps, bits=self.weight_bits)

    def outer(self, name: str, conv: Outer, *, nonnegative: bool = False) -> nn.Module:
        if self.edges == "float":
            return conv
        kind = BorderedOuterConv if isinstance(conv, BorderedConv) else OuterConv
        return kind(
            name,
            conv,
            nonnegative=nonnegative,
            channel_ranges=self.channel_ranges,
            offsets=self.offsets,
        )

    def fixed_site(self, name: str, channels: int, *, nonnegative: bool = False) -> nn.Module:
        form = self._form(channels, nonnegative) | {"relative": False}
        return StaticSite(name, 8, counted=False, **form)

    def _form(self, channels: int, nonnegative: bool) -> dict[str, Any]:
        """What sites of either precision are told."""
        unsigned = self.unsigned and nonnegative
        return {
            "channels": channels,
            "unsigned": unsigned,
            "relative": self.relative,
            "channel_ranges": self.channel_ranges,
            "offsets": self.offsets and not unsigned,
        }


@dataclass(frozen=True, kw_only=True)
class StaticLayers(_QuantLayers):
    """Every site has the same width and a bound of its own (PAMS)."""

    bits: int = 8

    def site(self, name: str, channels: int, *, nonnegative: bool = False) -> nn.Module:
        return StaticSite(name, self.bits, **self._form(channels, nonnegative))


@dataclass(frozen=True, kw_only=True)
class DynamicLayers(_QuantLayers):
    """Every site picks a width for every image (CADyQ)."""

    widths: tuple[int, ...] = (4, 6, 8)
    gradient_scale: float = 1000.0  # weight of the image gradient, 0..1, before the selectors
    logarithmic: bool = False  # selectors look at the logarithms of their inputs

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.widths) > MAX_WIDTHS:
            raise ValueError(f"at most {MAX_WIDTHS} widths, not {len(self.widths)}")

    def site(self, name: str, channels: int, *, nonnegative: bool = False) -> nn.Module:
        return DynamicSite(
            name,
            widths=self.widths,
            gradient_scale=self.gradient_scale,
            logarithmic=self.logarithmic,
            **self._form(channels, nonnegative),
        )


PRECISIONS: Mapping[str, type[FloatLayers] | type[StaticLayers] | type[DynamicLayers]] = {
    "float": FloatLayers,
    "static": StaticLayers,
    "dynamic": DynamicLayers,
}
