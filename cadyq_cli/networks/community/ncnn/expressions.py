"""Computations as places in a table, so that equal ones are equal numbers.

Each value is an expression of others, and is known by its place, as no expression stands twice. So
two graphs compute the same if their results stand in the same place, whatever their layers are
called, and however often they split values.
"""

from __future__ import annotations

from typing import Any

Value = int  # a place in the table


class Expressions:
    """The table. Its methods give the place of an expression."""

    def __init__(self) -> None:
        self._places: dict[tuple[Any, ...], Value] = {}

    def of(self, kind: str, *parts: Any) -> Value:
        return self._places.setdefault((kind, *parts), len(self._places))

    def image(self) -> Value:
        return self.of("image")

    def constant(self, index: int) -> Value:
        """What the weighted layer of that number holds."""
        return self.of("constant", index)

    def layer(self, index: int, source: Value) -> Value:
        """What the weighted layer of that number makes of a value."""
        return self.of("layer", index, source)

    def sigmoid(self, source: Value) -> Value:
        return self.of("sigmoid", source)

    def swish(self, source: Value) -> Value:
        return self.product(source, self.sigmoid(source))

    def plus(self, source: Value, number: float) -> Value:
        return self.of("plus", source, float(number)) if number else source

    def times(self, source: Value, number: float) -> Value:
        return self.of("times", source, float(number)) if number != 1 else source

    def sum(self, one: Value, other: Value) -> Value:
        return self.of("sum", *sorted((one, other)))

    def product(self, one: Value, other: Value) -> Value:
        return self.of("product", *sorted((one, other)))

    def less(self, one: Value, other: Value) -> Value:
        return self.of("less", one, other)

    def joined(self, *sources: Value) -> Value:
        return self.of("joined", *sources)

    def shuffled(self, source: Value, scale: int) -> Value:
        return self.of("shuffled", source, scale) if scale != 1 else source

    def nearest(self, source: Value, scale: float) -> Value:
        return self.of("nearest", source, float(scale)) if scale != 1 else source
