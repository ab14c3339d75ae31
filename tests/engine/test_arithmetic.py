"""The parts of the engine that replace torch give what torch gives."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import interpolate, pixel_shuffle

from cadyq_cli.engine import bicubic
from cadyq_cli.engine.folding import folded
from cadyq_cli.engine.program import Conv, Deconvolution, Norm
from cadyq_cli.engine.selector_inputs import channel_spread, image_gradient
from cadyq_cli.quant import sensitivity

SIZES = [(1, 1), (1, 7), (2, 3), (9, 5)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("factor", [2, 3, 4])
def test_bicubic_enlargement_is_torchs(factor: int, size: tuple[int, int]) -> None:
    image = torch.rand(1, 3, *size)
    expected = interpolate(image, scale_factor=factor, mode="bicubic", align_corners=False)
    out = np.empty((size[0] * factor, size[1] * factor, 3), np.float32)
    bicubic.enlarge(image[0].permute(1, 2, 0).contiguous().numpy(), factor, out)
    torch.testing.assert_close(torch.from_numpy(out).permute(2, 0, 1), expected[0])


@pytest.mark.parametrize("size", SIZES)
def test_the_gradient_is_what_selectors_were_trained_on(size: tuple[int, int]) -> None:
    image = torch.rand(1, 3, *size)
    found = image_gradient(image[0].permute(1, 2, 0).contiguous().numpy())
    torch.testing.assert_close(torch.from_numpy(found), sensitivity.image_gradient(image)[0])


@pytest.mark.parametrize("size", SIZES)
def test_the_spread_is_what_selectors_were_trained_on(size: tuple[int, int]) -> None:
    x = torch.randn(1, 6, *size, dtype=torch.float64) + 20
    totals, squares = x.sum(dim=(0, 2, 3)).numpy(), x.square().sum(dim=(0, 2, 3)).numpy()
    found = channel_spread(totals, squares, size[0] * size[1])
    torch.testing.assert_close(torch.from_numpy(found), sensitivity.channel_spread(x)[0])


@pytest.mark.parametrize(
    ("edge", "stride", "padding"), [(17, 4, 8), (17, 3, 8), (17, 2, 8), (3, 2, 1), (4, 2, 1)]
)
def test_a_deconvolution_equals_a_convolution_and_a_shuffle(
    edge: int, stride: int, padding: int
) -> None:
    extra = stride + 2 * padding - edge
    deconv = nn.ConvTranspose2d(5, 3, edge, stride, padding, output_padding=extra)
    arrays = {f"d.{k}": v.detach().numpy() for k, v in deconv.state_dict().items()}
    how = Deconvolution(stride=stride, padding=padding)
    instruction = Conv(out="a", source="x", module="d", bias=True, deconvolution=how)
    parts = folded(instruction, arrays, whole=False)
    weight, bias = torch.from_numpy(parts.weight), torch.from_numpy(parts.bias)
    image = torch.rand(1, 5, 6, 7)
    with torch.no_grad():
        wide = torch.conv2d(image, weight, bias, padding=weight.shape[2] // 2)
        torch.testing.assert_close(pixel_shuffle(wide, stride), deconv(image))


def test_normalisation_folds_into_the_convolution_before_it() -> None:
    conv, norm = nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4)
    with torch.no_grad():
        for tensor in (norm.weight, norm.bias, norm.running_mean, norm.running_var):
            assert tensor is not None
            tensor.copy_(torch.rand(4) + 0.5)
    norm.eval()
    arrays = {
        f"{name}.{k}": v.numpy()
        for name, module in (("c", conv), ("n", norm))
        for k, v in module.state_dict().items()
    }
    instruction = Conv(
        out="a",
        source="x",
        module="c",
        bias=True,
        norm=Norm(module="n", epsilon=norm.eps),
        gain=(2.0,),
        offset=(1.0, 2.0, 3.0, 4.0),
    )
    parts = folded(instruction, arrays, whole=False)
    image = torch.rand(1, 3, 6, 5)
    with torch.no_grad():
        expected = norm(conv(image)) * 2 + torch.tensor([1.0, 2, 3, 4]).view(1, 4, 1, 1)
        sums = torch.conv2d(image, torch.from_numpy(parts.weight), padding=1)
    scale, bias = (
        torch.from_numpy(v.astype(np.float32)).view(1, 4, 1, 1) for v in (parts.scale, parts.bias)
    )
    torch.testing.assert_close(sums * scale + bias, expected)
