"""Pixels become network values and back without loss."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from cadyq_cli.imaging.pixels import from_values, to_8_bits, to_values

DTYPES = [np.uint8, np.uint16]


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_value_survives_the_round_trip(dtype: type) -> None:
    values = np.arange(np.iinfo(dtype).max + 1)
    pixels: NDArray[Any] = values.astype(dtype).reshape(1, 16, -1, 1)
    np.testing.assert_array_equal(from_values(to_values(pixels), dtype), pixels)


@pytest.mark.parametrize("dtype", DTYPES)
def test_black_is_0_and_white_is_1(dtype: type) -> None:
    values = to_values(np.array([[[0, np.iinfo(dtype).max]]], dtype))
    assert values.ravel().tolist() == [0.0, 1.0]
    assert values.dtype == np.float32


@pytest.mark.parametrize("dtype", DTYPES)
def test_values_round_half_up_and_never_wrap(dtype: type) -> None:
    white = np.iinfo(dtype).max
    values = np.array([-1, -0.4 / white, 0.49 / white, 0.5 / white, 1 - 0.5 / white, 1, 1.001, 9])
    values = values.astype(np.float32).reshape(1, 1, 1, -1)
    assert from_values(values, dtype).ravel().tolist() == [0, 0, 0, 1, white, white, white, white]


def test_8_bits_are_the_nearest_to_16() -> None:
    coarse = np.arange(256)
    for off in (-128, 0, 128):  # 1 of 255 is 257 of 65535
        fine = (257 * coarse[1:-1] + off).astype(np.uint16)
        np.testing.assert_array_equal(to_8_bits(fine), coarse[1:-1])
    assert to_8_bits(np.array([0, 128, 129, 65535], np.uint16)).tolist() == [0, 0, 1, 255]
    np.testing.assert_array_equal(to_8_bits(coarse.astype(np.uint8)), coarse)


def test_other_types_are_refused() -> None:
    with pytest.raises(ValueError, match="uint8 or uint16"):
        to_values(np.zeros((1, 1, 1, 3), np.int32))
    with pytest.raises(ValueError, match="uint8 or uint16"):
        from_values(np.zeros((1, 3, 1, 1), np.float32), np.float32)
