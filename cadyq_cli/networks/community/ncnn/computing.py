"""What a graph of ncnn computes, as an expression.

Source: ncnn's wiki, "operation param weight table", and its layers' `load_param`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from cadyq_cli.networks.community.ncnn.expressions import Expressions, Value
from cadyq_cli.networks.community.ncnn.graph import Layer, Number

_NEAREST = 1  # of ncnn's ways to resize
_ANY = None

# The settings that a kind may have here, each with the only value that is known, if it is one.
_SETTINGS: Mapping[str, Mapping[int, Number | None]] = {
    "Input": {0: _ANY, 1: _ANY, 2: _ANY, 11: _ANY},
    "Split": {},
    "MemoryData": {0: 1, 1: 1, 2: 3, 21: 1},  # a colour
    "Convolution": {
        **dict.fromkeys((0, 1, 4, 5, 6, 11, 14, 15, 16), _ANY),
        **dict.fromkeys((2, 3, 12, 13), 1),  # dilation and stride
        **dict.fromkeys((8, 9, 18, 19), 0),  # quantized, activation, padding with a value, dynamic
    },
    "PReLU": {0: _ANY},
    "Swish": {},
    "Sigmoid": {},
    "BinaryOp": {0: _ANY, 1: _ANY, 2: _ANY},
    "Concat": {0: 0},
    "PixelShuffle": {0: _ANY, 1: 0},
    "Interp": {0: _NEAREST, 1: _ANY, 2: _ANY, 3: 0, 4: 0, 5: 0, 6: 0},
}
_OF_ONE: Mapping[str, Callable[[Expressions, Value], Value]] = {
    "Split": lambda _, source: source,
    "Swish": Expressions.swish,
    "Sigmoid": Expressions.sigmoid,
}
_OF_TWO: Mapping[Number, Callable[[Expressions, Value, Value], Value]] = {
    0: Expressions.sum,
    1: Expressions.less,
    2: Expressions.product,
}
_BY_A_NUMBER: Mapping[Number, Callable[[Expressions, Value, float], Value]] = {
    0: Expressions.plus,
    1: lambda table, source, number: table.plus(source, -number),
    2: Expressions.times,
}


class Computation(NamedTuple):
    """What a graph computes."""

    layers: tuple[Layer, ...]
    table: Expressions
    result: Value  # what the last layer makes
    weighted: tuple[Layer, ...]  # those with numbers of their own, in the order of the file
    strange: Layer | None  # the first layer of which it is not known what it makes


def computed(layers: Sequence[Layer]) -> Computation:
    """What a graph computes. A layer that is not known makes something that nothing else is."""
    table, weighted = Expressions(), list[Layer]()
    values: dict[str, Value] = {}
    strange: Layer | None = None
    result = table.of("nothing")
    for layer in layers:
        sources = [values[name] for name in layer.inputs]
        found = _made(layer, sources, table, weighted) if _usual(layer) else None
        if found is None:
            strange = strange or layer
        result = table.of("strange", layer.name) if found is None else found
        values.update(dict.fromkeys(layer.outputs, result))
    return Computation(tuple(layers), table, result, tuple(weighted), strange)


def _usual(layer: Layer) -> bool:
    """Whether all that it is set to is known."""
    known = _SETTINGS.get(layer.kind)
    return known is not None and all(
        key in known and known[key] in (_ANY, value) for key, value in layer.settings.items()
    )


def _made(
    layer: Layer, sources: list[Value], table: Expressions, weighted: list[Layer]
) -> Value | None:
    """What a layer makes of values; None if that is not known."""
    get = layer.settings.get
    match layer.kind, sources:
        case "Input", []:
            return table.image()
        case "MemoryData", []:
            weighted.append(layer)
            return table.constant(len(weighted) - 1)
        case ("PReLU" | "Convolution", [source]) if layer.kind == "PReLU" or _keeps_size(layer):
            weighted.append(layer)
            return table.layer(len(weighted) - 1, source)
        case (kind, [source]) if kind in _OF_ONE:
            return _OF_ONE[kind](table, source)
        case "Concat", [_, *_]:
            return table.joined(*sources)
        case "PixelShuffle", [source]:
            return table.shuffled(source, int(get(0, 1)))
        case ("Interp", [source]) if get(0) == _NEAREST and get(1, 1) == get(2, 1):
            return table.nearest(source, get(1, 1))
        case ("BinaryOp", [one, other]) if get(0, 0) in _OF_TWO:
            return _OF_TWO[get(0, 0)](table, one, other)
        case ("BinaryOp", [source]) if get(0, 0) in _BY_A_NUMBER:
            return _BY_A_NUMBER[get(0, 0)](table, source, get(2, 0))
    return None


def _keeps_size(layer: Layer) -> bool:
    """Whether a convolution is square, and has as many zeros around its input as it takes."""
    get = layer.settings.get
    side, left = get(1, 0), get(4, 0)
    above = get(14, left)
    pads = {left, above, get(15, left), get(16, above)}
    return side in (1, 3) and get(11, side) == side and pads == {side // 2}
