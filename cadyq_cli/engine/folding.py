"""A convolution's numbers: weights, and all that can be folded into its scale and bias."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from cadyq_cli.engine.program import BorderedConv, Conv, Deconvolution, Slope
from cadyq_cli.quant.places import INNER

STEP_SUFFIX = ".step"  # of the tensor with the step of a tensor of codes

Number = TypeVar("Number", bound=np.generic)

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Folded:
    """A convolution without the parts that are constant."""

    weight: NDArray[Any]  # (O, I / groups, k, k), int8 to convolve codes, float32 to convolve a map
    groups: int
    scale: NDArray[np.float64]  # (O,)
    bias: NDArray[np.float32]  # (O,)
    slope1: NDArray[np.float32] | None  # (O,)
    slope2: NDArray[np.float32] | None  # (O,)

    def __post_init__(self) -> None:
        numbers = self.scale.astype(np.float32), self.bias, self.weight
        if not all(np.isfinite(each).all() for each in numbers if each.dtype != np.int8):
            raise ValueError("its numbers are too large for float32")

    @property
    def outputs(self) -> int:
        return len(self.weight)


def folded(conv: Conv, arrays: Arrays, *, whole: bool, place: int = INNER) -> Folded:
    """Put an instruction and its tensors together.

    Args:
        conv: The instruction.
        arrays: Tensors by name, as a weights file holds them.
        whole: Whether it reads codes, so that its weights must be codes too.
        place: Whose tensors to take, of a bordered one.

    Raises:
        ValueError: what comes of it is not finite.
    """
    name = f"{conv.module}.weight"

    def tensor(name: str) -> NDArray[Any]:
        return arrays[name][place] if isinstance(conv, BorderedConv) else arrays[name]

    weight = tensor(name)
    step = tensor(name + STEP_SUFFIX) if name + STEP_SUFFIX in arrays else np.ones(1)
    step = step.astype(np.float64)
    bias = tensor(f"{conv.module}.bias").astype(np.float64) if conv.bias else np.zeros(1)
    if not whole:
        weight, step = (weight * step).astype(np.float32), np.ones(1)
    if conv.deconvolution is not None:
        weight = _as_convolution(weight, conv.deconvolution)
    outputs = len(weight)
    scale, bias = (np.repeat(v.reshape(-1), outputs // v.size) for v in (step, bias))
    if conv.norm is not None:
        statistics = {
            part: arrays[f"{conv.norm.module}.{part}"].astype(np.float64)
            for part in ("weight", "bias", "running_mean", "running_var")
        }
        factor = statistics["weight"] / np.sqrt(statistics["running_var"] + conv.norm.epsilon)
        scale = scale * factor
        bias = (bias - statistics["running_mean"]) * factor + statistics["bias"]
    return Folded(
        weight=weight,
        groups=conv.groups,
        scale=scale * np.array(conv.gain),
        bias=(bias * np.array(conv.gain) + np.array(conv.offset)).astype(np.float32),
        slope1=None if conv.slope1 is None else slopes(conv.slope1, arrays, outputs),
        slope2=None if conv.slope2 is None else slopes(conv.slope2, arrays, outputs),
    )


def slopes(slope: Slope, arrays: Arrays, outputs: int) -> NDArray[np.float32]:
    """One slope for each output. A tensor may have one for each group that a shuffle spreads."""
    values = np.atleast_1d(arrays[slope] if isinstance(slope, str) else slope)
    return np.repeat(values.astype(np.float32), outputs // len(values))


def without_groups(weight: NDArray[Number], groups: int) -> NDArray[Number]:
    """The weights (O, I, k, k) of a convolution in groups, with zeros between them."""
    outputs, inputs, height, width = weight.shape
    dense = np.zeros((outputs, inputs * groups, height, width), weight.dtype)
    for group, rows in enumerate(np.split(np.arange(outputs), groups)):
        dense[rows, group * inputs : (group + 1) * inputs] = weight[rows]
    return dense


def _as_convolution(weight: NDArray[Any], how: Deconvolution) -> NDArray[Any]:
    """Weights of a transposed convolution (I, O, k, k) as those of one before a pixel shuffle.

    Output p of each group of `stride` takes from the input at a distance j what the transposed one
    adds with tap p + padding - stride * j.
    """
    inputs, outputs, kernel_size, _ = weight.shape
    stride = how.stride
    taps = [
        (phase, distance, phase + how.padding - stride * distance)
        for phase in range(stride)
        for distance in range(-kernel_size, kernel_size + 1)
        if 0 <= phase + how.padding - stride * distance < kernel_size
    ]
    reach = max(abs(distance) for _, distance, _ in taps)
    size = 2 * reach + 1
    result = np.zeros((outputs, stride, stride, inputs, size, size), weight.dtype)
    for phase_y, y, tap_y in taps:
        for phase_x, x, tap_x in taps:
            result[:, phase_y, phase_x, :, reach + y, reach + x] = weight[:, :, tap_y, tap_x].T
    return result.reshape(outputs * stride**2, inputs, size, size)
