"""Grids and their gradients, against hand computations and numerical derivatives."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from cadyq_cli.quant.layers import QuantConv
from cadyq_cli.quant.rounding import Grids, encode, highest_code, quantize, straight_through
from cadyq_cli.quant.sites import StaticSite
from cadyq_cli.quant.trace import Activation, Trace


@pytest.mark.parametrize(("bits", "signed", "unsigned"), [(2, 1, 3), (4, 7, 15), (8, 127, 255)])
def test_a_grid_has_the_codes_that_its_width_allows(bits: int, signed: int, unsigned: int) -> None:
    assert highest_code(bits) == signed
    assert highest_code(bits, unsigned=True) == unsigned


def test_encoding_rounds_and_clips_as_computed_by_hand() -> None:
    x = torch.tensor([-9.0, -1.0, 0.0, 0.4, 1.1, 3.5, 9.0]).view(1, 1, 1, 7)
    codes = encode(x, torch.tensor(0.5), torch.tensor(-7.0), torch.tensor(7.0))
    assert codes.flatten().tolist() == [-7, -2, 0, 1, 2, 7, 7]


@pytest.mark.parametrize("unsigned", [False, True])
def test_codes_are_whole_for_every_width_and_bound(unsigned: bool) -> None:
    x = torch.randn(1, 8, 64, 64, generator=torch.Generator().manual_seed(1)) * 100
    for bits in range(2, 9):
        for bound in (0.37, 1.0, 93.1):
            site = StaticSite("site", bits, unsigned=unsigned)
            site.bounds.data.fill_(bound)
            with torch.no_grad():
                codes = site(x, Trace(torch.zeros(1, 2))).codes
            assert torch.equal(codes, codes.round())
            top = highest_code(bits, unsigned=unsigned)
            assert (codes.min(), codes.max()) == (0 if unsigned else -top, top)


def test_straight_through_has_one_value_and_the_other_gradient() -> None:
    hard, soft = torch.tensor(3.0, requires_grad=True), torch.tensor(0.5, requires_grad=True)
    result = straight_through(hard, soft)
    result.backward()
    assert (result.item(), soft.grad, hard.grad) == (3.0, torch.tensor(1.0), None)


def _mixture(x: Tensor, bounds: Tensor, highest: Tensor, soft: Tensor, *, unsigned: bool) -> Tensor:
    """The paper's mixture of grids, by autograd on the plain formula."""
    result = torch.zeros_like(x)
    for k in range(len(bounds)):
        low = torch.zeros(()) if unsigned else -bounds[k]
        clipped = torch.maximum(torch.minimum(x, bounds[k]), low)
        scaled = clipped / bounds[k] * highest[k]
        rounded = scaled + (scaled.round() - scaled).detach()
        result = result + soft[:, k].view(-1, 1, 1, 1) * rounded / highest[k] * bounds[k]
    return result


@pytest.mark.parametrize("unsigned", [False, True])
def test_gradients_are_those_of_the_soft_mixture(unsigned: bool) -> None:
    generator = torch.Generator().manual_seed(3)
    shape = (3, 4, 5, 6)
    inputs = [
        torch.randn(shape, generator=generator, dtype=torch.float64),
        torch.tensor([0.7, 1.1, 1.6], dtype=torch.float64),
        torch.rand(3, 3, generator=generator, dtype=torch.float64).softmax(dim=1),
    ]
    highest = torch.tensor([highest_code(b, unsigned=unsigned) for b in (4, 6, 8)]).double()
    top = highest[:, None]
    grids = Grids(top, torch.zeros_like(top) if unsigned else -top, top)
    upstream = torch.randn(shape, generator=generator, dtype=torch.float64)
    chosen = torch.tensor([0, 2, 1])

    x, bounds, soft = (t.clone().requires_grad_() for t in inputs)
    unit = torch.ones(3, 1, 1, 1, dtype=torch.float64)
    value = quantize(x, bounds, grids, unit, soft, chosen)
    value.backward(upstream)
    ours = [x.grad, bounds.grad, soft.grad]

    x, bounds, soft = (t.clone().requires_grad_() for t in inputs)
    _mixture(x, bounds, highest, soft, unsigned=unsigned).backward(upstream)
    for found, expected in zip(ours, (x.grad, bounds.grad, soft.grad), strict=True):
        torch.testing.assert_close(found, expected)

    hard = torch.nn.functional.one_hot(chosen, 3).double()
    expected = _mixture(inputs[0], inputs[1], highest, hard, unsigned=unsigned)
    torch.testing.assert_close(value.detach(), expected)


def test_gradients_with_an_offset_are_those_of_its_own_ends() -> None:
    """3 steps of 1 from -1 on: x below or above moves by the bound alone, x between by itself."""
    x = torch.tensor([-5.0, 0.25, 7.0]).view(1, 1, 1, 3).requires_grad_()
    bound = torch.tensor([3.0], requires_grad=True)
    grids = Grids(*(torch.tensor([[v]]) for v in (3.0, -1.0, 2.0)))
    one = torch.ones(1, 1)
    value = quantize(x, bound, grids, one.view(1, 1, 1, 1), one, torch.tensor([0]))
    assert value.flatten().tolist() == [-1, 0, 2]
    value.sum().backward()
    assert x.grad is not None
    assert x.grad.flatten().tolist() == [0, 1, 0]
    assert bound.grad is not None
    assert bound.grad.item() == pytest.approx((-1 + (0 - 0.25) + 2) / 3)


def test_with_a_step_for_each_output_small_weights_are_not_lost() -> None:
    conv = torch.nn.Conv2d(1, 2, 1, bias=False)
    with torch.no_grad():
        conv.weight.copy_(torch.tensor([50.0, 0.127]).view(2, 1, 1, 1))
    values = Activation(torch.ones(1, 1, 1, 1))
    each = QuantConv(conv, channel_steps=True)(values).flatten()
    alike = QuantConv(conv)(values).flatten()  # one step, 50 / 127: the second is less than half
    assert each.tolist() == pytest.approx([50, 0.127])
    assert alike.tolist() == pytest.approx([50, 0])
