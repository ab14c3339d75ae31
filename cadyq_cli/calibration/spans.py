"""What the features of a float network span, and grids that hold it.

A range for each channel costs nothing when the network runs: features are divided by their spans
as they are rounded, and the weights that read them are multiplied by the spans, once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from cadyq_cli.calibration.layers import QuantLayer
from cadyq_cli.networks.network import Network
from cadyq_cli.quant.bordered import BorderedConv
from cadyq_cli.quant.layers import BorderedOuterConv, OuterConv
from cadyq_cli.quant.limits import FAINTEST
from cadyq_cli.quant.sites import QuantSite
from cadyq_cli.quant.watching import watching

NARROWEST = 1e-4  # span of a channel, as a share of the widest one's


class Ends(NamedTuple):
    """The lowest and the highest value of each channel, (C,), at most and at least 0."""

    low: Tensor
    high: Tensor


@torch.no_grad()
def ends_at_sites(
    network: Network, sites: Iterable[str], batches: Iterable[Tensor]
) -> Mapping[str, Ends]:
    """What a float network's features reach at each site of its quantized version."""
    backbone = network.backbone
    inside = dict(backbone.named_modules())
    places = {inside.get(name) or inside[name.removesuffix(".site")]: name for name in sites}
    found: dict[str, Ends] = {}

    def note(module: nn.Module, x: Tensor) -> None:
        low, high = x.amin((0, 2, 3)).clamp_max(0), x.amax((0, 2, 3)).clamp_min(0)
        name = places[module]
        if name in found:
            low, high = torch.minimum(low, found[name].low), torch.maximum(high, found[name].high)
        found[name] = Ends(low, high)

    with watching(places, note):
        for batch in batches:
            network(batch)
    return found


@torch.no_grad()
def set_grids(sites: Mapping[str, QuantSite], ends: Mapping[str, Ends]) -> None:
    """Give each site bounds, and spans and offsets if it has such, that hold what was found."""
    for name, (low, high) in ends.items():  # not those of other scales, which do not run
        site = sites[name]
        if site.offsets:
            length = high - low
        else:
            length = high if site.unsigned else torch.maximum(high, -low)
        length = length.clamp_min(max(FAINTEST, NARROWEST * float(length.amax())))
        if site.channel_ranges:
            site.span.copy_(length)
            site.bounds.fill_(1)
        else:
            length = length.amax().expand_as(length)
            site.bounds.fill_(length[0])
        if site.offsets:
            site.zero.copy_((-low / length).clamp(0, 1))


@torch.no_grad()
def hold_spans(layer: QuantLayer) -> None:
    """Multiply a convolution's weights by the spans of what it reads, if there are any."""
    if not layer.site.channel_ranges:
        return
    weight, span, conv = layer.weights.weight, layer.site.span, layer.weights
    if isinstance(conv, (BorderedOuterConv, BorderedConv)):
        weight.mul_(span.view(-1, 1, 1))
    elif isinstance(conv, OuterConv) and conv.transposed:
        weight.mul_(span.view(-1, 1, 1, 1))
    else:
        groups = conv.groups
        weight.view(groups, -1, *weight.shape[1:]).mul_(span.view(groups, 1, -1, 1, 1))
