"""What a network costs: multiplications, bit operations, energy, bytes.

A MAC is one multiplication with its addition. Only convolutions are counted, as in the papers; the
selectors, activations and interpolation come to less than a hundredth.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from cadyq_cli.networks import Network
from cadyq_cli.quant.bordered import BorderedConv
from cadyq_cli.quant.layers import WEIGHT_BITS, Edge, EdgeConv, FloatConv, QuantConv
from cadyq_cli.quant.sites import QuantSite, StaticSite
from cadyq_cli.quant.trace import Activation

FLOAT_BITS = 32
REFERENCE_SIZE = (720, 1280)  # height and width, px, of the result that papers count for

_PROBE = 12  # px, edge of the image that the count is taken from

Widths = Mapping[str, NDArray[np.uint8]]  # site -> width of each patch


@dataclass(frozen=True, slots=True)
class Convolution:
    """One convolution of a network."""

    name: str
    macs: int  # for each pixel of the input image
    quantizable: bool  # part of what the paper quantizes, in whichever precision it runs here
    weight_bits: int
    site: str | None  # whose widths its input has
    bits: int = FLOAT_BITS  # width of its input where no counted site decides it

    def input_bits(self, widths: Widths) -> float:
        """Mean width of what it reads, over patches."""
        return self.bits if self.site is None else float(widths[self.site].mean())


@dataclass(frozen=True, slots=True)
class Workload:
    """All convolutions of a network, and what it takes to store it."""

    scale: int
    convolutions: tuple[Convolution, ...]
    parameters: int
    bytes: int  # quantized weights at 8 bits, everything else at 32

    def macs(self, size: tuple[int, int], *, quantizable: bool | None = None) -> float:
        """MACs for a result of `size` (height, width); of one part only if `quantizable` is set."""
        wanted = (True, False) if quantizable is None else (quantizable,)
        macs = sum(c.macs for c in self.convolutions if c.quantizable in wanted)
        return macs * self._pixels(size)

    def mean_bits(self, widths: Widths) -> float:
        """Mean input width of the quantizable convolutions, each weighted by its MACs.

        Unlike the paper's plain mean over sites, this includes inputs of fixed width.
        """
        found = [(c.macs, c.input_bits(widths)) for c in self.convolutions if c.quantizable]
        return sum(macs * bits for macs, bits in found) / sum(macs for macs, _ in found)

    def energy(self, size: tuple[int, int], widths: Widths) -> float:
        """Joules that the arithmetic alone takes for a result of `size`; see `energy_of_mac`."""
        each = (
            c.macs * energy_of_mac(c.weight_bits, c.input_bits(widths)) for c in self.convolutions
        )
        return sum(each) * self._pixels(size)

    def weight_bits(self) -> int:
        """Width of the quantizable convolutions' weights."""
        return max(c.weight_bits for c in self.convolutions if c.quantizable)

    def _pixels(self, size: tuple[int, int]) -> float:
        """Of the input image, which need not be a whole number (1280x720 at x3)."""
        return size[0] * size[1] / self.scale**2


def energy_of_mac(weight_bits: float, input_bits: float) -> float:
    """Joules for one MAC in a 45 nm chip at 0.9 V.

    Two whole numbers are multiplied and added to a sum of 32 bits: 0.1 pJ for the addition, 0.2 pJ
    for a product of 8 by 8 bits, others in proportion to both widths. If one is a 32-bit float, a
    product takes 3.7 pJ and a sum 0.9 pJ.

    Source: M. Horowitz, "Computing's energy problem (and what we can do about it)", ISSCC 2014,
    figure 1.1.9. It lists products of 8 and of 32 bits, 0.2 and 3.1 pJ; that 4 times the width
    takes nearly 16 times the energy is where the proportion comes from.
    """
    if max(weight_bits, input_bits) >= FLOAT_BITS:
        return 4.6e-12
    return 0.1e-12 + 0.2e-12 * weight_bits * input_bits / 64


@dataclass(frozen=True, slots=True)
class Convention:
    """A way to count bit operations. One product of 32 by 32 bits is 1024 of them."""

    name: str
    formula: str
    count: Callable[[float, float, float, float], float]  # F, Q, W, A as in the formula


CONVENTIONS = (
    Convention(
        "whole",
        "32·32·F + W·A·Q, the whole network; divided by 1024 it is the CADyQ authors' OPs",
        lambda f, q, w, a: 1024 * f + w * a * q,
    ),
    Convention(
        "whole-a2",
        "32·32·F + A·A·Q, the whole network, weights as narrow as activations",
        lambda f, q, _, a: 1024 * f + a * a * q,
    ),
    Convention(
        "quantized",
        "W·A·Q, the quantized convolutions only",
        lambda _, q, w, a: w * a * q,
    ),
)
SYMBOLS = (
    "Q, F: MACs of the convolutions that the paper quantizes, and of the others; "
    "W: bits of a weight; A: average bits, the plain mean over sites (FAB)"
)


def bit_operations(
    workload: Workload, size: tuple[int, int], average_bits: float
) -> dict[str, float]:
    """Bit operations for a result of `size`, by the name of the convention."""
    unquantized = workload.macs(size, quantizable=False)
    quantized = workload.macs(size, quantizable=True)
    weight_bits = workload.weight_bits()
    return {
        convention.name: convention.count(unquantized, quantized, weight_bits, average_bits)
        for convention in CONVENTIONS
    }


def workload_of(network: Network) -> Workload:
    """Count a network's convolutions while it runs, on a copy that has shapes but no values.

    Every convolution keeps its image's size or multiplies it, so one small image tells all.
    """
    twin = deepcopy(network).to("meta").eval()
    counter = _Counter(twin)
    with torch.no_grad():
        twin(torch.empty(1, 3, _PROBE, _PROBE, device="meta"))
    quantized = {
        module.weight if isinstance(module, EdgeConv) else module.conv.weight
        for module in network.modules()
        if isinstance(module, (EdgeConv, QuantConv))
    }
    sizes = [(p.numel(), WEIGHT_BITS if p in quantized else 32) for p in network.parameters()]
    return Workload(
        scale=network.card.scale,
        convolutions=tuple(counter.found),
        parameters=sum(count for count, _ in sizes),
        bytes=sum(count * bits // 8 for count, bits in sizes),
    )


class _Counter:
    """Watches the convolutions of a network, and which site's result each of them reads."""

    def __init__(self, network: Network) -> None:
        self.found: list[Convolution] = []
        self._read: list[tuple[Activation, QuantSite]] = []
        inner = set()
        for name, module in network.backbone.named_modules():
            if isinstance(module, QuantSite):
                module.register_forward_hook(self._site)
            elif isinstance(module, (FloatConv, QuantConv)):
                inner.add(module.conv)
                module.register_forward_hook(self._hook(name, module.conv, quantizable=True))
            elif (
                isinstance(module, (EdgeConv, BorderedConv, nn.Conv2d, nn.ConvTranspose2d))
                and module not in inner
            ):
                module.register_forward_hook(self._hook(name, module, quantizable=False))

    def _site(self, site: QuantSite, _: Any, activation: Activation) -> None:
        self._read.append((activation, site))

    def _hook(
        self, name: str, conv: EdgeConv | Edge, *, quantizable: bool
    ) -> Callable[[nn.Module, tuple[Any], Tensor | Activation], None]:
        def count(module: nn.Module, inputs: tuple[Any], output: Tensor | Activation) -> None:
            source = inputs[0]
            # Each weight meets each place of the result once, of a transposed one, of the input.
            plane = source if conv.transposed else output
            if isinstance(plane, Activation):
                plane = plane.codes
            # One place has one of a bordered one's kernels.
            weights = conv.weight[0] if conv.weight.ndim > 4 else conv.weight
            macs, rest = divmod(plane.shape[2:].numel() * weights.numel(), _PROBE**2)
            if rest:
                raise ValueError(f"the work of {name} is not in proportion to the image")
            site = next((s for a, s in self._read if a is source), None)
            fixed = isinstance(site, StaticSite) and not site.counted
            rounded = isinstance(module, (EdgeConv, QuantConv))
            bits = WEIGHT_BITS if fixed else FLOAT_BITS
            self.found.append(
                Convolution(
                    name=name,
                    macs=macs,
                    quantizable=quantizable,
                    weight_bits=WEIGHT_BITS if rounded else FLOAT_BITS,
                    site=None if site is None or fixed else site.name,
                    bits=module.bits if isinstance(module, EdgeConv) else bits,
                )
            )

        return count
