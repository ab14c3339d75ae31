"""Convolutions with other kernels along the border of their image."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import conv2d, pad

from cadyq_cli.quant.bordered import BorderedConv, gathered, spread
from cadyq_cli.quant.layers import BorderedOuterConv
from cadyq_cli.quant.places import INNER, PLACES, borders, place_of

SIZES = ((1, 1), (1, 4), (2, 1), (2, 2), (3, 5), (7, 2))


def bordered_conv(*, alike: bool) -> BorderedConv:
    torch.manual_seed(0)
    conv = BorderedConv(3, 4, 5)
    if not alike:
        nn.init.normal_(conv.weight)
        nn.init.normal_(conv.bias)
    return conv


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_borders_hold_every_pixel_that_has_not_eight_neighbours_once(size: tuple[int, int]) -> None:
    found = np.zeros(size, int)
    for place, rows, columns in borders(*size):
        assert place != INNER
        found[rows, columns] += 1
    neighbours = np.zeros(np.add(size, 2), int)
    for dy in range(3):
        for dx in range(3):
            neighbours[dy : dy + size[0], dx : dx + size[1]] += 1
    expected = neighbours[1:-1, 1:-1] < 9
    assert (found == expected).all()


def test_corners_and_sides_are_places_of_their_own() -> None:
    regions = {place: (rows, columns) for place, rows, columns in borders(5, 6)}
    assert len(regions) == 8
    assert regions[place_of("first", "last")] == (slice(0, 1), slice(5, 6))
    assert regions[place_of("inner", "first")] == (slice(1, 4), slice(0, 1))


@torch.no_grad()
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_with_the_same_kernel_everywhere_it_is_a_plain_convolution(size: tuple[int, int]) -> None:
    conv = bordered_conv(alike=True)
    x = torch.rand(2, 3, *size)
    expected = conv2d(x, conv.weight[INNER], conv.bias[INNER], padding=2)
    torch.testing.assert_close(conv(x), expected)


@torch.no_grad()
def test_every_pixel_meets_the_kernel_of_its_place() -> None:
    conv = bordered_conv(alike=False)
    x = torch.rand(1, 3, 3, 4)
    output, padded = conv(x), pad(x, (2, 2, 2, 2))
    names = ["first", "inner", "last"], ["first", "inner", "inner", "last"]
    for y, row in enumerate(names[0]):
        for left, column in enumerate(names[1]):
            place = place_of(row, column)
            window = padded[:, :, y : y + 5, left : left + 5]
            expected = (window * conv.weight[place]).sum((1, 2, 3)) + conv.bias[place]
            torch.testing.assert_close(output[0, :, y, left], expected)


@torch.no_grad()
def test_whole_numbers_come_to_the_same_as_rounded_weights_and_inputs() -> None:
    edge = BorderedOuterConv("edge", bordered_conv(alike=False), nonnegative=False)
    x = torch.rand(1, 3, 4, 6) * 2 - 1
    with torch.enable_grad():  # rounds, but computes with values
        expected = edge(x)
    torch.testing.assert_close(edge(x), expected, atol=1e-4, rtol=1e-4)
    step = 1 / 255
    exact = bordered_conv(alike=False)(x)
    assert float((edge(x) - exact).abs().max()) < 75 * 3 * step  # products of inputs up to 1


def test_what_is_spread_over_an_image_can_be_gathered() -> None:
    values = torch.rand(PLACES, 2)
    found = gathered(spread(values, 5, 4))
    seen = {INNER} | {place for place, *_ in borders(5, 4)}
    for place in range(PLACES):
        expected = values[place] if place in seen else torch.zeros(2)
        torch.testing.assert_close(found[place], expected)
