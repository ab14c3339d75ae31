"""Weights that make up for rounding: that of the features they read, and their own.

A convolution of the quantized network reads features that are wrong already. By least squares its
weights become those that give, of what it reads, the float network's result; then they are rounded
one after the other (`outer_layers.gptq`), and the bias takes off what is still wrong on average.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, unfold

from cadyq_cli.calibration.layers import QuantLayer
from cadyq_cli.calibration.settings import Settings
from cadyq_cli.networks.network import Network
from cadyq_cli.outer_layers.gptq import rounded_weight
from cadyq_cli.quant.bordered import BorderedConv
from cadyq_cli.quant.layers import WEIGHT_BITS, BorderedOuterConv, OuterConv
from cadyq_cli.quant.places import INNER
from cadyq_cli.quant.trace import Activation, Trace
from cadyq_cli.quant.watching import watching

SIDE = 32  # pixels of the square of each crop in which results are compared
RIDGE = 0.01  # of the mean variance of what is read: how much it takes to move a weight

Windows = Mapping[str, Tensor]  # what each convolution of the float network read, around the square


def window(x: Tensor, kernel_size: int) -> Tensor:
    """The middle of features (N, C, H, W), with all that the square's results depend on."""
    side = SIDE + kernel_size - 1
    top, left = (max(0, (length - side) // 2) for length in x.shape[2:])
    return x[:, :, top : top + side, left : left + side]


@torch.no_grad()
def windows_of(network: Network, layers: list[QuantLayer], crops: Tensor) -> Windows:
    """What the convolutions of a float network read of crops, in half precision to save memory."""
    modules = {network.backbone.get_submodule(layer.name): layer for layer in layers}
    found: dict[str, list[Tensor]] = {}

    def note(module: nn.Module, x: Tensor) -> None:
        layer = modules[module]
        found.setdefault(layer.name, []).append(window(x, layer.weights.kernel_size[0]).half())

    with watching(modules, note):
        for batch in crops.split(8):
            network(batch)
    return {name: torch.cat(parts) for name, parts in found.items()}


@torch.no_grad()
def fit_weights(
    network: Network,
    teacher: Network,
    layers: list[QuantLayer],
    crops: Tensor,
    settings: Settings,
) -> None:
    """Fit the weights of a quantized network, each when its input is what it will be.

    Args:
        network: Changed in place; its grids are set, and its weights hold the spans.
        teacher: The float network that it was made of.
        layers: Of the network.
        crops: (N, 3, H, W).
        settings: Which means to use.
    """
    windows = windows_of(teacher, layers, crops)
    by_module: dict[nn.Module, QuantLayer] = {layer.module: layer for layer in layers}

    def fit(module: nn.Module, read: Tensor | Activation) -> None:
        layer = by_module[module]
        weights = teacher.backbone.get_submodule(layer.name)
        _fit(layer, _values(layer, read), windows[layer.name].float(), weights, settings)

    with watching(by_module, fit):
        network(crops)


def _values(layer: QuantLayer, read: Tensor | Activation) -> Tensor:
    """What weights meet: codes times their step, without the spans."""
    if isinstance(read, Tensor):
        read = layer.site(read, Trace(read.new_zeros(len(read), 2)))
    assert isinstance(read, Activation)
    assert read.step is not None
    return read.codes * read.step


def _fit(
    layer: QuantLayer, read: Tensor, wanted: Tensor, teacher: nn.Module, settings: Settings
) -> None:
    conv = layer.weights
    if conv.groups > 1 or (isinstance(conv, OuterConv) and conv.transposed):
        return
    weight, bias = _inner(conv)
    its_weight, its_bias = _inner(teacher)
    kernel_size = weight.shape[-1]
    x = _columns(window(read, kernel_size), kernel_size)
    y = conv2d(wanted, its_weight).transpose(0, 1).flatten(1)  # without its bias
    mean_x, mean_y = x.mean(1).double(), y.mean(1).double()
    x -= mean_x[:, None].float()
    if settings.error_feedback:
        y -= mean_y[:, None].float()
        products, with_results = ((v @ x.T).double() / x.shape[1] for v in (x, y))
        inner = isinstance(conv, nn.Conv2d)
        rounded = rounded_weight(
            _refitted(weight, products, with_results),
            products,
            bits=settings.weight_bits if inner else WEIGHT_BITS,
            alike=inner and not settings.channel_steps,
        )
        weight.copy_(rounded)
    if settings.biases:
        codes, step = layer.module.weight_codes()
        rounded = codes * step
        rounded = rounded[INNER] if isinstance(conv, BorderedOuterConv) else rounded
        shift = rounded.flatten(1).double() @ mean_x - mean_y
        _take_off(layer, bias, its_bias, shift.to(weight.dtype))


def _inner(conv: nn.Module) -> tuple[Tensor, Tensor | None]:
    """Weight and bias of a convolution, or of one with several those of inner pixels."""
    weight, bias = cast(Tensor, conv.weight), cast("Tensor | None", conv.bias)
    if not isinstance(conv, (BorderedConv, BorderedOuterConv)):
        return weight, bias
    return weight[INNER], None if bias is None else bias[INNER]


def _columns(x: Tensor, kernel_size: int) -> Tensor:
    """What each result is computed of, (K, positions)."""
    return unfold(x, kernel_size).transpose(0, 1).flatten(1)


def _refitted(weight: Tensor, products: Tensor, with_results: Tensor) -> Tensor:
    """The weights nearest to the wanted results, unless they are far from what they were.

    Args:
        weight: Shape (O, C, k, k).
        products: Covariances of what is read, (K, K).
        with_results: Those of the wanted results with it, (O, K).
    """
    ridge = RIDGE * products.diagonal().mean().clamp_min(torch.finfo(torch.float32).tiny)
    penalty = ridge * torch.eye(len(products), dtype=products.dtype, device=products.device)
    right = with_results + ridge * weight.flatten(1).double()
    best: Tensor = torch.linalg.solve(products + penalty, right.T).T
    return best.reshape(weight.shape).to(weight.dtype)


def _take_off(
    layer: QuantLayer, bias: Tensor | None, its_bias: Tensor | None, shift: Tensor
) -> None:
    """Take off what is added on average, from the bias, or else from what normalises."""
    if bias is not None:
        bias.copy_(-shift if its_bias is None else its_bias - shift)
    elif layer.norm is not None and layer.norm.running_mean is not None:
        layer.norm.running_mean.add_(shift)
