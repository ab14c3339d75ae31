"""An EDSR's upsampler and tail as one convolution: the same image for a tenth of the work.

Nothing but convolutions and pixel shuffles lies between an EDSR's body and the image, so all of it
is one linear map, which looks 2 pixels far. Where it looks over the border the zeros that each
layer puts around its input count as such, so the kernels of the places there are others.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import torch
from torch import Tensor

from cadyq_cli.backbones.edsr import COMPOSED_EDGE, Edsr
from cadyq_cli.networks.network import Network
from cadyq_cli.quant.places import PLACES, place_of

_REACH = COMPOSED_EDGE // 2
_BESIDE = {  # pixels before and behind one, along one axis, that it takes to show its place
    "inner": (_REACH, _REACH),
    "first": (0, _REACH),
    "last": (_REACH, 0),
    "only": (0, 0),
}


def with_composed_tail(network: Network) -> Network:
    """The same network with its tail composed.

    Args:
        network: It is not changed, and it is what comes back if it is no EDSR with float outer
            layers, or if its tail is composed already.
    """
    backbone = network.backbone
    outer = network.card.layers.get("edges", "float")
    if not isinstance(backbone, Edsr) or backbone.composed or outer != "float":
        return network
    card = replace(network.card, settings=network.card.settings | {"composed": True})
    result = Network(card)
    weight, bias = _composed(backbone, network.scale)
    wanted = result.backbone.state_dict().keys()
    body = {name: value for name, value in backbone.state_dict().items() if name in wanted}
    result.backbone.load_state_dict(body | {"tail.weight": weight, "tail.bias": bias})
    return result.train(network.training).to(weight.device)


@torch.enable_grad()
def _composed(backbone: Edsr, scale: int) -> tuple[Tensor, Tensor]:
    """Weights and biases of a `BorderedConv`."""
    head = backbone.head.weight
    features, outputs = len(head), 3 * scale**2
    weight = head.new_zeros(PLACES, outputs, features, COMPOSED_EDGE, COMPOSED_EDGE)
    bias = head.new_zeros(PLACES, outputs)
    for (row, (above, below)), (column, (left, right)) in product(_BESIDE.items(), repeat=2):
        place = place_of(row, column)
        # One image for each output, as its derivative by the features is its kernel.
        shape = outputs, features, above + 1 + below, left + 1 + right
        x = head.new_zeros(shape, requires_grad=True)
        top, start = above * scale, left * scale
        pixel = backbone.enlarged(x)[:, :, top : top + scale, start : start + scale]
        found = pixel.reshape(outputs, outputs)
        (kernels,) = torch.autograd.grad(found.trace(), x)
        rows = slice(_REACH - above, _REACH + 1 + below)
        columns = slice(_REACH - left, _REACH + 1 + right)
        weight[place][:, :, rows, columns] = kernels
        bias[place] = found[0].detach()
    return weight, bias
