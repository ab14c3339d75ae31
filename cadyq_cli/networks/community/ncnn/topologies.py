"""The graphs that are known, with what other programs call their layers with weights."""

from __future__ import annotations

from math import isqrt

from cadyq_cli.networks.community.ncnn.computing import Computation

CONSTANT = "constant"  # what SPAN takes off its input


def names_of(graph: Computation) -> list[str] | None:
    """What to call the layers with weights; None if the graph is none of those that are known."""
    if not graph.weighted or sum(layer.kind == "Input" for layer in graph.layers) != 1:
        return None
    for topology in (_compact, _span):
        names, result = topology(graph)
        if result == graph.result and len(names) == len(graph.weighted):
            return names
    return None


def _compact(graph: Computation) -> tuple[list[str], int]:
    """Convolutions and PReLUs alternate; the result is added to the enlarged image."""
    table, scale = graph.table, _scale(graph)
    body = image = table.image()
    for i in range(len(graph.weighted)):
        body = table.layer(i, body)
    result = table.sum(table.shuffled(body, scale), table.nearest(image, scale))
    return [f"body.{i}" for i in range(len(graph.weighted))], result


def _span(graph: Computation) -> tuple[list[str], int]:
    """Blocks that are weighed by a gate, and what the first and the last make, side by side."""
    table = graph.table
    names: list[str] = []

    def convolution(name: str, source: int) -> int:
        names.append(name)
        return table.layer(len(names) - 1, source)

    image = table.image()
    if graph.weighted[0].kind == "MemoryData":
        image = table.less(image, table.constant(0))
        names.append(CONSTANT)
    head = body = first = convolution("conv_1", table.times(image, input_range(graph)))
    outputs = []
    for block in range(1, (len(graph.weighted) - len(names)) // 3):
        first = table.swish(convolution(f"block_{block}.c1_r", body))
        second = table.swish(convolution(f"block_{block}.c2_r", first))
        third = convolution(f"block_{block}.c3_r", second)
        gate = table.plus(table.sigmoid(third), -0.5)
        body = table.product(table.sum(third, body), gate)
        outputs.append(body)
    end = convolution("conv_2", body)
    joined = convolution("conv_cat", table.joined(head, end, *outputs[:1], first))
    return names, table.shuffled(convolution("upsampler.0", joined), _scale(graph))


def input_range(graph: Computation) -> float:
    """What the image is multiplied by, if that is the first thing that a number multiplies."""
    numbers = (
        layer.settings.get(2, 1)
        for layer in graph.layers
        if layer.kind == "BinaryOp" and layer.settings.get(0) == 2 and len(layer.inputs) == 1
    )
    return float(next(numbers, 1))


def _scale(graph: Computation) -> int:
    """What the last layer with weights makes pixels for."""
    return isqrt(max(0, int(graph.weighted[-1].settings.get(0, 0))) // 3)
