"""What the native kernels compute, against PyTorch's convolutions of whole numbers in float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from reference_kernels import ReferenceKernels, rounding
from torch.nn.functional import conv2d, hardswish, pixel_shuffle, silu

from cadyq_cli.engine.curves import CURVES
from cadyq_cli.engine.kernels import PAD, CodesOut, Epilogue
from cadyq_cli.engine.native.kernels import NativeKernels
from cadyq_cli.engine.native.library import NativeUnavailable, instruction_sets
from cadyq_cli.engine.program import CurveName


def runnable() -> list[str]:
    """The instruction sets of this machine; the generic one is always among them."""
    names = []
    for name in instruction_sets():
        try:
            names.append(NativeKernels(name).name)
        except NativeUnavailable:
            continue
    return names


every_isa = pytest.mark.parametrize("isa", runnable())
rng = np.random.default_rng(7)


@pytest.fixture(autouse=True)
def same_numbers_whichever_tests_run() -> None:
    rng.bit_generator.state = np.random.default_rng(7).bit_generator.state


def plain(outputs: int, **rest: Any) -> Epilogue:
    return Epilogue(np.ones(outputs, np.float32), np.zeros(outputs, np.float32), **rest)


def random_codes(
    kernels: NativeKernels, shape: tuple[int, int, int], low: int, high: int
) -> tuple[NDArray[np.int16], NDArray[np.int64]]:
    """Padded codes, and the same without padding."""
    values = rng.integers(low, high + 1, shape)
    codes = kernels.new_codes(*shape)
    height, width, channels = shape
    codes[PAD : PAD + height, PAD : PAD + width, :channels] = values
    return codes, values


def grids_of(
    channels: int, least: float, most: float
) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.int64]]:
    """A step between two numbers, a lowest and a highest code for each channel."""
    steps = rng.uniform(least, most, channels).astype(np.float32)
    return steps, -rng.integers(0, 31, channels), rng.integers(1, 32, channels)


def random_weight(outputs: int, inputs: int, edge: int) -> NDArray[np.int8]:
    return rng.integers(-127, 128, (outputs, inputs, edge, edge)).astype(np.int8)


def convolved(
    values: NDArray[Any], weight: NDArray[Any], groups: int = 1, shuffle: int = 1
) -> NDArray[np.float64]:
    x = torch.from_numpy(values.astype(np.float64)).permute(2, 0, 1)[None]
    w = torch.from_numpy(weight.astype(np.float64))
    result = conv2d(x, w, padding=weight.shape[2] // 2, groups=groups)
    shuffled = pixel_shuffle(result, shuffle)[0].permute(1, 2, 0)
    return np.asarray(shuffled.numpy(), np.float64)


GRIDS = [(0, (1 << bits) - 1) for bits in range(2, 9)] + [
    (1 - (1 << (bits - 1)), (1 << (bits - 1)) - 1) for bits in range(2, 10)
]


@every_isa
@pytest.mark.parametrize(("low", "high"), GRIDS)
def test_3x3_sums_are_exact_at_every_width_and_grid(isa: str, low: int, high: int) -> None:
    kernels = NativeKernels(isa)
    codes, values = random_codes(kernels, (9, 14, 24), low, high)
    weight = random_weight(20, 24, 3)
    out = np.empty((9, 14, 20), np.float32)
    for packed in (kernels.pack(weight), kernels.pack(weight, codes=(low, high))):
        kernels.convolve(codes, 9, 14, packed, out, plain(20))
        np.testing.assert_array_equal(out, convolved(values, weight))


@every_isa
@pytest.mark.parametrize("edge", [1, 3, 5, 7, 9])
@pytest.mark.parametrize(("height", "width"), [(1, 1), (3, 5), (4, 4), (7, 130), (27, 19)])
@pytest.mark.parametrize(("inputs", "outputs"), [(3, 64), (64, 3), (8, 1), (17, 40)])
def test_sums_are_exact_at_every_kernel_and_image_size(
    isa: str, edge: int, height: int, width: int, inputs: int, outputs: int
) -> None:
    kernels = NativeKernels(isa)
    weight = random_weight(outputs, inputs, edge)
    out = np.empty((height, width, outputs), np.float32)
    for low, high in ((-127, 127), (0, 255), (-255, 255)):
        codes, values = random_codes(kernels, (height, width, inputs), low, high)
        packed = kernels.pack(weight, codes=(low, high))
        kernels.convolve(codes, height, width, packed, out, plain(outputs))
        np.testing.assert_array_equal(out, convolved(values, weight))


@every_isa
@pytest.mark.parametrize("groups", [2, 4])
@pytest.mark.parametrize("edge", [1, 3])
def test_sums_of_grouped_convolutions_are_exact(isa: str, groups: int, edge: int) -> None:
    kernels = NativeKernels(isa)
    codes, values = random_codes(kernels, (6, 6, 48), 0, 255)
    weight = random_weight(32, 48 // groups, edge)
    out = np.empty((6, 6, 32), np.float32)
    kernels.convolve(codes, 6, 6, kernels.pack(weight, groups=groups), out, plain(32))
    np.testing.assert_array_equal(out, convolved(values, weight, groups))


@every_isa
def test_the_largest_weights_and_codes_that_there_are_do_not_overflow(isa: str) -> None:
    kernels = NativeKernels(isa)
    for channels in (64, 256):  # the second is too much for the Winograd kernel's exact division
        weight = np.full((3, channels, 3, 3), 127, np.int8)
        weight[1] *= -1
        weight[2, :, ::2, ::2] *= -1
        for code in (255, -255):
            codes, values = random_codes(kernels, (6, 6, channels), code, code)
            codes[PAD + 1 : PAD + 6 : 2, PAD : PAD + 6 : 2, :channels] *= -1
            values[1::2, ::2] *= -1
            out = np.empty((6, 6, 3), np.float32)
            kernels.convolve(codes, 6, 6, kernels.pack(weight), out, plain(3))
            np.testing.assert_array_equal(out, convolved(values, weight).astype(np.float32))


@every_isa
@pytest.mark.parametrize(("shuffle", "outputs"), [(2, 256), (3, 27), (4, 48), (2, 12)])
def test_outputs_go_where_pixel_shuffle_puts_them(isa: str, shuffle: int, outputs: int) -> None:
    kernels = NativeKernels(isa)
    codes, values = random_codes(kernels, (5, 6, 8), 0, 15)
    weight = random_weight(outputs, 8, 3)
    channels = outputs // shuffle**2
    out = np.empty((5 * shuffle, 6 * shuffle, channels), np.float32)
    packed = kernels.pack(weight, shuffle=shuffle)
    epilogue = plain(outputs, shuffle=shuffle, statistics=True)
    sums = kernels.convolve(codes, 5, 6, packed, out, epilogue)
    expected = convolved(values, weight, shuffle=shuffle)
    np.testing.assert_array_equal(out, expected)
    assert sums is not None
    np.testing.assert_allclose(sums[0], expected.sum(axis=(0, 1)), atol=1e-6 * abs(expected).sum())

    wide = kernels.new_codes(5 * shuffle, 6 * shuffle, channels + 5)
    steps, lowest, highest = grids_of(channels, 200, 400)
    epilogue = plain(
        outputs,
        shuffle=shuffle,
        codes=CodesOut(wide, rounding(channels, steps, lowest, highest), 5),
    )
    kernels.convolve(codes, 5, 6, packed, None, epilogue)
    inside = wide[PAD : PAD + 5 * shuffle, PAD : PAD + 6 * shuffle, 5 : 5 + channels]
    quotients = expected.astype(np.float32) / steps
    np.testing.assert_array_equal(inside, np.clip(np.round(quotients), lowest, highest))
    assert np.count_nonzero(wide) == np.count_nonzero(inside)


@every_isa
@pytest.mark.parametrize("edge", [1, 3])
def test_what_follows_a_sum_comes_in_its_order(isa: str, edge: int) -> None:
    """Scale, bias, slope, rounding, a map and codes added, slope; then the statistics."""
    kernels = NativeKernels(isa)
    codes, values = random_codes(kernels, (6, 9, 8), -7, 7)
    other, added = random_codes(kernels, (6, 9, 20), 0, 255)
    weight = random_weight(20, 8, edge)
    scale, bias = (
        rng.normal(0, 0.01, 20).astype(np.float32),
        rng.normal(0, 1, 20).astype(np.float32),
    )
    slope1, slope2 = rng.random((2, 20)).astype(np.float32)
    add_map = rng.normal(0, 3, (6, 9, 20)).astype(np.float32)
    steps, lowest, highest = grids_of(20, 0.2, 0.3)
    worths = rng.uniform(0.1, 0.2, 20).astype(np.float32)
    epilogue = Epilogue(
        scale=scale,
        bias=bias,
        slope1=slope1,
        round=rounding(20, steps, lowest, highest),
        add_map=add_map,
        add_codes=(other, worths),
        slope2=slope2,
        statistics=True,
    )
    out = np.empty((6, 9, 20), np.float32)
    sums = kernels.convolve(codes, 6, 9, kernels.pack(weight), out, epilogue)
    x = convolved(values, weight) * scale + bias
    x = np.where(x < 0, x * slope1, x)
    assert abs(x / steps % 1 - 0.5).min() > 1e-5, "the numbers must not lie between two codes"
    x = np.clip(np.round(x / steps), lowest, highest) * steps + add_map + added * worths
    x = np.where(x < 0, x * slope2, x)
    np.testing.assert_allclose(out, x, rtol=1e-5, atol=1e-5)
    assert sums is not None
    np.testing.assert_allclose(
        sums[0], out.sum(axis=(0, 1), dtype=np.float64), rtol=1e-5, atol=1e-3
    )
    np.testing.assert_allclose(sums[1], (out.astype(np.float64) ** 2).sum(axis=(0, 1)), rtol=1e-5)


TORCHS: dict[CurveName, Callable[[torch.Tensor], torch.Tensor]] = {
    "silu": silu,
    "hardswish": hardswish,
    "sigmoid": torch.sigmoid,
}


def spread_out() -> NDArray[np.int64]:
    """Numbers to divide by 100: a fine grid around 0, and some where e^x is no float32."""
    far = [-1_000_000, -10_000, -8_800, -8_700, 8_700, 8_800, 10_000, 1_000_000]
    return np.concatenate([np.arange(-2000, 2000), far, np.zeros(7)]).astype(np.int64)


@every_isa
@pytest.mark.parametrize("curve", TORCHS)
def test_curves_are_pytorchs_within_a_millionth(isa: str, curve: CurveName) -> None:
    kernels = NativeKernels(isa)
    x = spread_out().reshape(5, -1, 1).astype(np.float32)
    out = np.empty_like(x)
    one = kernels.pack_float(np.ones((1, 1, 1, 1), np.float32))
    epilogue = Epilogue(np.full(1, 0.01, np.float32), np.zeros(1, np.float32), curve=curve)
    kernels.convolve_float(x, one, out, epilogue)
    exact = TORCHS[curve](torch.from_numpy(x).double() / 100).numpy()
    np.testing.assert_allclose(out, exact, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(CURVES[curve](x / np.float32(100)), exact, rtol=1e-6, atol=1e-6)


@every_isa
@pytest.mark.parametrize("edge", [1, 3])
@pytest.mark.parametrize(("height", "width"), [(1, 1), (5, 7), (6, 25)])
@pytest.mark.parametrize("onto_codes", [False, True])
def test_a_gate_weighs_the_sum_by_what_was_added_to(
    isa: str, edge: int, height: int, width: int, onto_codes: bool
) -> None:
    """With its statistics, and as codes; so does the reference."""
    size, weight = (height, width), random_weight(20, 8, edge)
    add_map = rng.normal(0, 3, (*size, 20)).astype(np.float32)
    values, added = rng.integers(-7, 8, (*size, 8)), rng.integers(-255, 256, (*size, 20))
    scale = rng.uniform(0.001, 0.002, 20).astype(np.float32)
    t = torch.from_numpy(convolved(values, weight) * scale)
    x = torch.from_numpy(added * 0.125 if onto_codes else add_map)
    exact = ((t + x) * (t.sigmoid() - 0.5)).numpy()
    for kernels in (NativeKernels(isa), ReferenceKernels()):
        codes, other, written = (kernels.new_codes(*size, n) for n in (8, 20, 20))
        inside = slice(PAD, PAD + height), slice(PAD, PAD + width)
        codes[inside][..., :8], other[inside][..., :20] = values, added
        epilogue = Epilogue(scale, np.zeros(20, np.float32), gate=True, statistics=True)
        if onto_codes:
            epilogue.add_codes = other, np.full(20, 0.125, np.float32)
        else:
            epilogue.add_map = add_map
        out = np.empty((*size, 20), np.float32)
        packed: Any = kernels.pack(weight)  # of these kernels
        sums = kernels.convolve(codes, *size, packed, out, epilogue)
        np.testing.assert_allclose(out, exact, rtol=1e-5, atol=1e-5)
        assert sums is not None
        np.testing.assert_allclose(sums[0], exact.sum(axis=(0, 1)), rtol=1e-5, atol=1e-3)
        np.testing.assert_allclose(sums[1], (exact**2).sum(axis=(0, 1)), rtol=1e-5, atol=1e-3)
        epilogue.codes = CodesOut(written, rounding(20, 0.5, -127, 127))
        kernels.convolve(codes, *size, packed, None, epilogue)
        distance = written[inside][..., :20] * 0.5 - np.clip(exact, -63.5, 63.5)
        assert abs(distance).max() < 0.2501


@every_isa
def test_codes_are_those_of_a_division_whatever_the_step(isa: str) -> None:
    """Near the middle between two codes as well, where a product with 1 / step rounds otherwise."""
    kernels = NativeKernels(isa)
    codes = kernels.new_codes(4, 64, 16)
    otherwise = 0
    for step in rng.lognormal(0, 4, 200).astype(np.float32):
        middles = (rng.integers(-128, 128, (4, 64, 16)) + 0.5) * float(step)
        source = np.nextafter(
            middles.astype(np.float32), rng.choice([-np.inf, np.inf], (4, 64, 16))
        )
        source = source.astype(np.float32)
        kernels.encode(source, rounding(16, step, -127, 127), codes, 0)
        exact = np.clip(np.rint(source / step), -127, 127)
        np.testing.assert_array_equal(codes[PAD : PAD + 4, PAD : PAD + 64], exact)
        product = np.clip(np.rint(source * (np.float32(1) / step)), -127, 127)
        otherwise += np.count_nonzero(product != exact)
    assert otherwise > 1000, "these numbers must tell the two apart"


@every_isa
@pytest.mark.parametrize("channels", [1, 3, 64, 70])
def test_maps_are_rounded_to_even_codes_and_clamped(isa: str, channels: int) -> None:
    kernels = NativeKernels(isa)
    _, lowest, highest = grids_of(channels, 1, 1)
    steps = np.float32(2) ** rng.integers(-3, 4, channels)
    source = (rng.integers(-80, 81, (5, 6, channels)) / 2 * steps).astype(np.float32)
    codes = kernels.new_codes(5, 6, channels + 2)
    kernels.encode(source, rounding(channels, steps, lowest, highest), codes, 2)
    inside = codes[PAD : PAD + 5, PAD : PAD + 6, 2 : 2 + channels]
    np.testing.assert_array_equal(inside, np.clip(np.rint(source / steps), lowest, highest))
    assert np.count_nonzero(codes) == np.count_nonzero(inside), "the padding stays zero"


@every_isa
@pytest.mark.parametrize("shape", [(1, 1, 3), (30, 40, 64), (7, 5, 20)])
def test_statistics_of_a_map_are_its_sums(isa: str, shape: tuple[int, int, int]) -> None:
    source = rng.normal(1, 2, shape).astype(np.float32)
    sums, squares = NativeKernels(isa).sums(source)
    exact = source.astype(np.float64)
    np.testing.assert_allclose(sums, exact.sum(axis=(0, 1)), rtol=1e-5, atol=1e-4)
    np.testing.assert_allclose(squares, (exact**2).sum(axis=(0, 1)), rtol=1e-5)


@every_isa
@pytest.mark.parametrize(
    ("edge", "inputs", "outputs"), [(3, 3, 64), (3, 64, 20), (9, 3, 20), (9, 20, 3), (1, 64, 7)]
)
def test_float_convolutions_equal_pytorch(isa: str, edge: int, inputs: int, outputs: int) -> None:
    kernels = NativeKernels(isa)
    source = rng.normal(0, 1, (11, 13, inputs)).astype(np.float32)
    weight = rng.normal(0, 1, (outputs, inputs, edge, edge)).astype(np.float32)
    out = np.empty((11, 13, outputs), np.float32)
    kernels.convolve_float(source, kernels.pack_float(weight), out, plain(outputs))
    expected = convolved(source, weight)
    np.testing.assert_allclose(out, expected, rtol=1e-4, atol=2e-5 * abs(expected).max())


@every_isa
@pytest.mark.parametrize("edge", [1, 3, 9])
@pytest.mark.parametrize("outputs", [1, 9, 64, 83])
def test_sums_over_an_image_are_rounded_once(isa: str, edge: int, outputs: int) -> None:
    """So they are those that PyTorch has in float64, unless one lies on a tie to 1e-13."""
    kernels = NativeKernels(isa)
    image = rng.normal(0, 100, (11, 13, 3)).astype(np.float32)
    weight = rng.normal(0, 1, (outputs, 3, edge, edge)).astype(np.float32)
    out = np.empty((11, 13, outputs), np.float32)
    kernels.convolve_float(image, kernels.pack_float(weight), out, plain(outputs))
    expected = convolved(image, weight).astype(np.float32)
    np.testing.assert_array_max_ulp(out, expected, maxulp=1)
    assert (out != expected).mean() < 1e-3


@every_isa
def test_a_result_is_scaled_and_then_shifted_as_in_pytorch(isa: str) -> None:
    """Not both in one fused step, which rounds once less."""
    kernels = NativeKernels(isa)
    codes, values = random_codes(kernels, (8, 9, 16), -127, 127)
    weight = random_weight(32, 16, 3)
    scale, bias = rng.normal(0, 1, (2, 32)).astype(np.float32)
    out = np.empty((8, 9, 32), np.float32)
    kernels.convolve(codes, 8, 9, kernels.pack(weight), out, Epilogue(scale, bias))
    expected = torch.from_numpy(convolved(values, weight)).float() * torch.from_numpy(scale)
    np.testing.assert_array_equal(out, (expected + torch.from_numpy(bias)).numpy())


def test_an_unknown_instruction_set_is_unavailable() -> None:
    with pytest.raises(NativeUnavailable, match="cannot run the abacus kernels"):
        NativeKernels("abacus")
