"""Every backbone, in every scale and precision."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from tiny_networks import COMBINATIONS, TINY, tiny
from torch import Tensor, nn
from torch.nn.functional import interpolate

from cadyq_cli.backbones.registry import build
from cadyq_cli.backbones.span import ActivationName, AttentionBlock, SpanConfig
from cadyq_cli.errors import InputError
from cadyq_cli.quant.layers import FloatLayers, QuantConv
from cadyq_cli.quant.ranges import observing
from cadyq_cli.quant.sites import QuantSite
from cadyq_cli.quant.trace import Trace

PRECISIONS = ("float", "static", "dynamic")


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize(("backbone", "scale"), COMBINATIONS)
def test_an_image_of_odd_size_becomes_scale_times_as_large(
    backbone: str, scale: int, precision: str
) -> None:
    with torch.no_grad():
        output, _ = tiny(backbone, scale, precision)(torch.rand(2, 3, 7, 11))
    assert output.shape == (2, 3, 7 * scale, 11 * scale)
    assert output.isfinite().all()


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("backbone", TINY)
def test_a_single_pixel_is_an_image_too(backbone: str, precision: str) -> None:
    with torch.no_grad():
        output, _ = tiny(backbone, 4 if backbone == "srresnet" else 3, precision)(
            torch.rand(1, 3, 1, 1)
        )
    assert output.isfinite().all()


@pytest.mark.parametrize("backbone", TINY)
def test_each_image_of_a_batch_is_enlarged_as_if_alone(backbone: str) -> None:
    network = tiny(backbone, 2)
    images = torch.rand(4, 3, 9, 8) * torch.tensor([0.02, 0.2, 0.6, 1.0]).view(-1, 1, 1, 1)
    with torch.no_grad():
        together, trace = network(images)
        alone = [network(image) for image in images.split(1)]
    for site, bits in trace.bits.items():
        assert bits.tolist() == [float(t.bits[site]) for _, t in alone]
    torch.testing.assert_close(together, torch.cat([y for y, _ in alone]), atol=1e-5, rtol=0)


# Counted sites at the published sizes, from the paper's description of each network.
@pytest.mark.parametrize(
    ("backbone", "sites"),
    [
        ("edsr", 2 * 16),
        ("srresnet", 2 * 16),
        ("carn", 2 * 9),
        ("idn", 6 * 4),
        ("span", 3 * 6 + 1),
        ("compact", 16),
    ],
)
def test_the_trace_has_every_counted_site_once(backbone: str, sites: int) -> None:
    settings: dict[str, dict[str, Any]] = {
        "edsr": {"blocks": 16},
        "srresnet": {"blocks": 16},
        "idn": {"blocks": 4},
        "span": {"blocks": 6},
        "compact": {"convolutions": 16},
    }
    network = tiny(backbone, 2, "static", **settings.get(backbone, {}))
    with torch.no_grad():
        _, trace = network(torch.rand(1, 3, 6, 6))
    assert len(trace.bits) == sites
    assert trace.average_bits().item() == 8.0


@pytest.mark.parametrize(
    ("backbone", "parameters"),
    [("edsr", 1_517_571), ("carn", 1_591_963 - 24), ("span", 426_288)],
)
def test_a_network_of_the_published_size_has_the_published_parameters(
    backbone: str, parameters: int
) -> None:
    """EDSR-baseline: 1.5 M (Lim et al.); CARN: 1.592 M with its fixed mean shifts (Ahn et al.);

    SPAN: 426 K (Wan et al.).
    """
    network = build(backbone, {"scale": 4}, FloatLayers())
    assert sum(p.numel() for p in network.parameters()) == parameters


def test_wide_grids_come_close_to_the_float_network() -> None:
    """8 bit everywhere changes little; 2 bit changes much."""
    image = torch.rand(1, 3, 12, 12, generator=torch.Generator().manual_seed(2))
    exact = tiny("edsr", 2, "float")
    errors = []
    for bits in (8, 2):
        rounded = tiny("edsr", 2, "static", layers={"bits": bits})
        rounded.backbone.load_state_dict(exact.backbone.state_dict(), strict=False)
        with torch.no_grad():
            errors.append(float((rounded(image)[0] - exact(image)[0]).abs().mean()))
    assert errors[0] < 0.1 * errors[1]


def test_unsigned_grids_are_used_only_where_a_relu_comes_before() -> None:
    network = tiny("edsr", 2, "dynamic", layers={"unsigned": True})
    grids = {m.name: m.unsigned for m in network.modules() if isinstance(m, QuantSite)}
    assert {name for name, unsigned in grids.items() if unsigned} == {"block1.2", "block2.2"}


@pytest.mark.parametrize("backbone", ["edsr", "carn"])
def test_no_unsigned_grid_meets_a_negative_value(backbone: str) -> None:
    network = tiny(backbone, 2, "dynamic", layers={"unsigned": True})
    lowest: dict[str, float] = {}

    def see(site: QuantSite, x: Tensor) -> None:
        if site.unsigned:
            lowest[site.name] = float(x.min())

    with torch.no_grad(), observing(network, see):
        network(torch.rand(1, 3, 10, 10))
    assert lowest
    assert min(lowest.values()) >= 0


@pytest.mark.parametrize("released", [False, True])
def test_srresnets_first_convolution_reads_codes_unless_told_otherwise(released: bool) -> None:
    network = tiny("srresnet", 2, "static", first_conv_unquantized=released)
    read: dict[str, bool] = {}
    for name, module in network.backbone.named_modules():
        if isinstance(module, QuantConv):
            module.register_forward_pre_hook(
                lambda _, args, name=name: read.update({name: args[0].step is not None})
            )
    with torch.no_grad():
        network(torch.rand(1, 3, 8, 8))
    assert read == {
        f"blocks.{block}.conv{conv}": conv == 2 or not released
        for block in (0, 1)
        for conv in (1, 2)
    }


@pytest.mark.parametrize("activation", ["silu", "relu", "hardswish"])
def test_a_block_of_span_gates_what_a_hand_computation_gates(activation: ActivationName) -> None:
    """One feature of 3 and kernels that pass it on: t is 3 more than its two activations."""
    config = SpanConfig(scale=2, features=1, activation=activation)
    block = AttentionBlock("block1", config, FloatLayers())
    convs = [module for module in block.modules() if isinstance(module, nn.Conv2d)]
    for conv, bias in zip(convs, (0.0, 0.0, 3.0), strict=True):
        assert conv.bias is not None
        nn.init.dirac_(conv.weight)
        nn.init.constant_(conv.bias, bias)
    x = torch.full((1, 1, 3, 3), 3.0)  # where hardswish and ReLU are the identity
    with torch.no_grad():
        output, first = block(x, Trace(torch.zeros(1, 2)))
    silu = {"silu": 3 / (1 + math.exp(-3))}.get(activation, 3.0)
    third = silu / (1 + math.exp(-silu)) + 3 if activation == "silu" else 6.0
    gated = (third + 3) * (1 / (1 + math.exp(-third)) - 0.5)
    assert first[0, 0, 1, 1].item() == pytest.approx(silu, rel=1e-5)
    assert output[0, 0, 1, 1].item() == pytest.approx(gated, rel=1e-5)


@pytest.mark.parametrize("scale", [1, 2, 3, 4])
def test_a_compact_whose_weights_are_zero_repeats_pixels(scale: int) -> None:
    network = tiny("compact", scale, "float")
    image = torch.rand(1, 3, 5, 7)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
        output, _ = network(image)
    assert torch.equal(output, interpolate(image, scale_factor=scale, mode="nearest"))


def test_one_multi_scale_body_serves_every_scale() -> None:
    carn = tiny("carn", 2, "float")
    state = carn.backbone.state_dict()
    for scale in (3, 4):
        other = tiny("carn", scale, "float")
        other.backbone.load_state_dict(state)
        assert isinstance(other.backbone, nn.Module)
        with torch.no_grad():
            assert other(torch.rand(1, 3, 4, 4))[0].shape[-1] == 4 * scale


def test_an_unknown_backbone_is_answered_with_the_choices() -> None:
    with pytest.raises(InputError, match="edsr, carn, idn, srresnet, span, compact"):
        build("vdsr", {"scale": 2}, FloatLayers())


def test_an_unknown_setting_is_named() -> None:
    with pytest.raises(InputError, match="depth"):
        build("edsr", {"scale": 2, "depth": 3}, FloatLayers())
