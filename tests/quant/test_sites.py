"""Sites: what they choose, what they record, and that every image is on its own."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from cadyq_cli.quant.layers import QuantConv
from cadyq_cli.quant.ranges import fit_ranges, follow_range, observing
from cadyq_cli.quant.sites import DynamicSite, StaticSite
from cadyq_cli.quant.trace import Choice, Trace

WIDTHS = (4, 6, 8)


@pytest.fixture
def batch() -> Tensor:
    """Images of growing contrast."""
    noise = torch.randn(6, 5, 8, 8, generator=torch.Generator().manual_seed(5))
    return noise * torch.tensor([0.01, 0.1, 0.5, 1.0, 2.0, 4.0]).view(-1, 1, 1, 1)


@pytest.fixture
def site() -> DynamicSite:
    """Picks a wider grid the more its input spreads: scores 0, s - 1, 2 s - 3 for mean spread s."""
    site = DynamicSite("site", 5, WIDTHS, gradient_scale=0.0)
    with torch.no_grad():
        site.bounds.copy_(torch.tensor([2.0, 2.5, 3.0]))
        site.selector.weight.copy_(torch.tensor([0.0, 0.2, 0.4]).view(3, 1).expand(3, 7))
        site.selector.bias.copy_(torch.tensor([0.0, -1.0, -3.0]))
    return site.eval()


def test_the_highest_score_wins_for_each_image(site: DynamicSite, batch: Tensor) -> None:
    trace = Trace(torch.zeros(6, 2))
    site(batch, trace)
    spread = batch.std(dim=(2, 3)).mean(dim=1)
    expected = [4 if s < 1 else 6 if s < 2 else 8 for s in spread.tolist()]
    assert trace.bits["site"].tolist() == expected
    assert set(expected) == {4, 6, 8}


def test_each_image_is_quantized_as_if_alone(site: DynamicSite, batch: Tensor) -> None:
    with torch.no_grad():
        together = site(batch, Trace(torch.zeros(6, 2))).dense()
        alone = [site(image, Trace(torch.zeros(1, 2))).dense() for image in batch.split(1)]
    assert torch.equal(together, torch.cat(alone))


def test_training_forwards_what_inference_computes(site: DynamicSite, batch: Tensor) -> None:
    with torch.no_grad():
        inferred = site(batch, Trace(torch.zeros(6, 2))).dense()
    trained = site.train()(batch, Trace(torch.zeros(6, 2))).dense()
    assert torch.equal(trained, inferred)


@pytest.mark.parametrize("widths", [(2,), (3, 5), (2, 4, 6, 8), (4, 5, 6, 7, 8)])
def test_any_number_of_widths_can_be_chosen_from(widths: tuple[int, ...], batch: Tensor) -> None:
    site = DynamicSite("site", 5, widths)
    trace = Trace(torch.zeros(6, 2))
    site(batch, trace)
    assert trace.bits["site"].tolist() == [float(widths[-1])] * 6  # the last leads at first


@pytest.mark.parametrize("widths", [(), (1, 4), (8, 10)])
def test_a_width_outside_2_to_9_is_refused(widths: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"2\.\.9"):
        DynamicSite("site", 5, widths)


def test_a_site_that_is_not_counted_leaves_no_trace(batch: Tensor) -> None:
    trace = Trace(torch.zeros(6, 2))
    StaticSite("fixed", counted=False)(batch, trace)
    StaticSite("counted")(batch, trace)
    assert list(trace.bits) == ["counted"]


def test_a_site_runs_once_a_pass(batch: Tensor) -> None:
    trace = Trace(torch.zeros(6, 2))
    site = StaticSite("site")
    site(batch, trace)
    with pytest.raises(ValueError, match="twice"):
        site(batch, trace)


def test_average_bits_is_the_mean_over_sites() -> None:
    trace = Trace(torch.zeros(2, 2))
    for name, bits in (("a", [4.0, 8.0]), ("b", [6.0, 6.0]), ("c", [8.0, 4.0])):
        trace.record(name, Choice(torch.tensor(bits), torch.tensor(bits)))
    assert trace.average_bits().tolist() == [6.0, 6.0]


def test_the_bit_cost_pushes_every_site_by_its_relative_width() -> None:
    trace = Trace(torch.zeros(1, 2))
    for name, chosen, expected in (("a", 8.0, 4.0), ("b", 6.0, 6.0)):
        soft = torch.tensor([expected], requires_grad=True)
        trace.record(name, Choice(soft + (chosen - expected), soft))
    cost = trace.bit_cost()
    assert cost.tolist() == [8 / 4 + 6 / 6]
    (gradient,) = torch.autograd.grad(cost.sum(), trace.choices["a"].expected)
    assert gradient.item() == pytest.approx(1 / 4)


def test_following_the_range_takes_the_mean_of_the_images_maxima(batch: Tensor) -> None:
    site = DynamicSite("site", 5, WIDTHS)
    with observing(site, follow_range):
        activation = site(batch, Trace(torch.zeros(6, 2)))
    expected = batch.abs().amax(dim=(1, 2, 3)).mean()
    assert site.bounds.tolist() == pytest.approx([expected.item()] * 3)
    assert activation.dense().max() > expected  # nothing is clipped meanwhile


def test_fitted_bounds_round_better_than_the_range_does(batch: Tensor) -> None:
    site = DynamicSite("site", 5, WIDTHS)

    def forward() -> list[Trace]:
        trace = Trace(torch.full((6, 2), 0.1))
        site(batch, trace)
        return [trace]

    def error(bound: Tensor) -> float:
        step = bound / 7  # the 4-bit grid
        rounded = (batch.clamp(-bound, bound) / step).round() * step
        return float((rounded - batch).square().mean())

    fit_ranges(site, forward)
    assert error(site.bounds[0].detach()) < 0.9 * error(batch.abs().max())
    assert site.bounds[0] < site.bounds[1] < site.bounds[2]


def test_relative_bounds_round_a_faint_image_as_finely_as_a_strong_one(batch: Tensor) -> None:
    """Scaling an image scales the result and changes no code."""
    site = StaticSite("site", 4, relative=True)
    with torch.no_grad():
        site.bounds.fill_(3.0)
        image = batch[3:4]
        once = site(image, Trace(torch.zeros(1, 2)))
        scaled = site(image * 0.25, Trace(torch.zeros(1, 2)))
    assert torch.equal(once.codes, scaled.codes)
    assert once.codes.abs().max() == 7
    torch.testing.assert_close(scaled.dense(), once.dense() * 0.25)
    expected = image.square().mean().sqrt() * 3 / 7
    assert once.step is not None
    assert once.step.item() == pytest.approx(expected.item(), rel=2**-8)


def seen_by(site: StaticSite, images: Tensor) -> list[Trace]:
    trace = Trace(torch.zeros(len(images), 2))
    site(images, trace)
    return [trace]


def test_only_an_image_stronger_than_usual_has_wider_relative_bounds() -> None:
    """Root mean squares of 1/2, 2 and 8 beside a usual one of 4, on codes of -7..7."""
    site = StaticSite("site", 4, relative=True)
    site.faintest.fill_(4.0)
    images = torch.ones(3, 2, 4, 4) * torch.tensor([0.5, 2, 8]).view(-1, 1, 1, 1)
    with torch.no_grad():
        site.bounds.fill_(3.5)
        step = site(images, Trace(torch.zeros(3, 2))).step
    assert step is not None
    assert step.flatten().tolist() == [2, 2, 4]


def test_fitted_relative_bounds_are_the_same_for_all_but_the_strongest_images() -> None:
    """One image in forty is four times as strong as the others."""
    generator = torch.Generator().manual_seed(1)
    images = torch.randn(40, 3, 12, 12, generator=generator)
    images[7] *= 4
    site = StaticSite("site", relative=True)

    with torch.no_grad():
        fit_ranges(site, lambda: seen_by(site, images))
        activation = site(images, Trace(torch.zeros(40, 2)))
    assert activation.step is not None
    steps = activation.step.flatten()
    assert steps[7].item() == pytest.approx(4 * steps.median().item(), rel=0.2)
    assert (steps == steps.median()).sum() >= 36


def test_relative_bounds_fitted_to_nothing_but_zeros_still_round() -> None:
    site = StaticSite("site", relative=True)
    black = torch.zeros(3, 2, 4, 4)

    with torch.no_grad():
        fit_ranges(site, lambda: seen_by(site, black))
        assert torch.equal(site(black, Trace(torch.zeros(3, 2))).dense(), black)


def test_relative_bounds_do_not_depend_on_the_order_of_a_sum(batch: Tensor) -> None:
    site = StaticSite("site", 4, relative=True)
    turned = batch.flip(1, 2, 3)
    assert not torch.equal(batch.square().mean((1, 2, 3)), turned.square().mean((1, 2, 3)))
    with torch.no_grad():
        steps = [site(images, Trace(torch.zeros(len(batch), 2))).step for images in (batch, turned)]
    assert steps[0] is not None
    assert steps[1] is not None
    assert torch.equal(*steps)


def test_with_a_selector_that_does_not_learn_only_the_chosen_grid_does() -> None:
    site = DynamicSite("s", 3, (4, 6, 8))
    x = torch.randn(2, 3, 6, 6, generator=torch.Generator().manual_seed(3))
    grads = {}
    for learns in (True, False):
        site.requires_grad_(True)
        site.selector.requires_grad_(learns)
        site.zero_grad()
        site(x, Trace(torch.zeros(2, 2))).dense().square().sum().backward()
        assert site.bounds.grad is not None
        grads[learns] = site.bounds.grad.ne(0).tolist()
    assert grads == {True: [True, True, True], False: [False, False, True]}


def test_a_logarithmic_selector_sees_how_many_times_as_strong_as_usual_a_patch_is() -> None:
    """Four inputs that usually are 2, 2, 4 and 8; a hundredth of that is the least."""
    site = DynamicSite("site", 2, WIDTHS, logarithmic=True)
    site.input_scale.copy_(torch.tensor([0.5, 0.5, 0.25, 0.125]))
    seen = site.inputs(torch.tensor([[2.0, 4.0, 1.0, 0.0]]))
    expected = [0.0, math.log(2) / 2, math.log(0.25) / 2, math.log(0.01) / 2]
    assert seen[0].tolist() == pytest.approx(expected)


def test_ranges_of_channels_are_shares_of_a_bound_and_begin_below_zero_by_their_own() -> None:
    """2 bit, so 3 steps: of 2/3 from -2/3 on in a channel, of 4/3 from 0 on in the other."""
    site = StaticSite("site", 2, channels=2, channel_ranges=True, offsets=True)
    site.span.copy_(torch.tensor([1.0, 2.0]))
    site.zero.copy_(torch.tensor([0.4, 0.0]))
    image = torch.tensor([[-9.0, 0.4, 9.0], [-9.0, 0.6, 9.0]]).view(1, 2, 1, 3)
    trace = Trace(torch.zeros(1, 2))
    with torch.no_grad():
        site.bounds.fill_(2.0)
        found = site(image, trace)
    assert found.codes.flatten().tolist() == [-1, 1, 2, 0, 0, 3]
    values = [-2 / 3, 2 / 3, 4 / 3, 0, 0, 4]
    torch.testing.assert_close(found.dense().flatten(), torch.tensor(values))
    (rounded,) = site.roundings(image, torch.ones(1, 1, 1, 1))
    torch.testing.assert_close(rounded, found.dense())
    learning = StaticSite("site", 2, channels=2, channel_ranges=True, offsets=True)
    learning.load_state_dict(site.state_dict())
    torch.testing.assert_close(learning(image, Trace(torch.zeros(1, 2))).dense(), found.dense())


def test_weights_that_hold_the_spans_undo_them() -> None:
    generator = torch.Generator().manual_seed(1)
    strengths = torch.tensor([0.01, 1.0, 100.0])
    image = torch.rand(1, 3, 8, 8, generator=generator) * strengths.view(-1, 1, 1)
    conv = torch.nn.Conv2d(3, 4, 3)
    exact = conv(image)
    site = StaticSite("site", channels=3, unsigned=True, channel_ranges=True)
    site.span.copy_(strengths)
    with torch.no_grad():
        conv.weight.mul_(strengths.view(1, -1, 1, 1))
        found = QuantConv(conv, channel_steps=True)(site(image, Trace(torch.zeros(1, 2))))
    assert (found - exact).abs().max() < 0.02 * exact.abs().max()


def test_grids_with_offsets_have_8_bit_and_a_sign() -> None:
    with pytest.raises(ValueError, match=r"2\.\.8"):
        StaticSite("site", 9, offsets=True)
    with pytest.raises(ValueError, match="no offsets"):
        StaticSite("site", unsigned=True, offsets=True)
