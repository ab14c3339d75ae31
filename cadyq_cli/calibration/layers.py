"""Which quantized convolution reads which site, and what normalises its sums."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, cast

from torch import nn

from cadyq_cli.engine.program import Conv, Site
from cadyq_cli.networks.network import Network
from cadyq_cli.quant.layers import OuterConv, QuantConv
from cadyq_cli.quant.sites import QuantSite


class QuantLayer(NamedTuple):
    """A convolution of codes."""

    name: str  # of the module that holds the weights, in a float network as well
    module: QuantConv | OuterConv
    site: QuantSite  # that it reads
    norm: nn.BatchNorm2d | None  # that follows

    @property
    def weights(self) -> nn.Conv2d | OuterConv:
        """What holds weight and bias."""
        return self.module if isinstance(self.module, OuterConv) else self.module.conv


def quant_layers(network: Network) -> Iterator[QuantLayer]:
    """All of a network, in the order in which they run.

    Raises:
        UncompilableError: the engine cannot run this network.
    """
    backbone, makers = network.backbone, dict[str, str]()
    for instruction in network.program().instructions:
        if isinstance(instruction, Site):
            makers[instruction.out] = instruction.grid.module
        elif isinstance(instruction, Conv):
            if instruction.encode is not None:
                makers[instruction.out] = instruction.encode.module
            if instruction.source in makers:
                name, norm = instruction.module, instruction.norm
                module = backbone.get_submodule(name)
                if not isinstance(module, OuterConv):
                    module = backbone.get_submodule(name.removesuffix(".conv"))
                yield QuantLayer(
                    name,
                    cast("QuantConv | OuterConv", module),
                    cast(QuantSite, backbone.get_submodule(makers[instruction.source])),
                    cast(nn.BatchNorm2d, backbone.get_submodule(norm.module)) if norm else None,
                )
