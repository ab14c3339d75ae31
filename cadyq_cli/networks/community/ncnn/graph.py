"""The graph of an ncnn network, from its text.

Source: ncnn's wiki, "param and model file structure". After a magic number and the numbers of
layers and values, each line has a layer's kind, its name, how many values go in and come out, their
names, and settings as ``number=value``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

MAGIC = "7767517"
MAX_BYTES = 2**20  # of the text
MAX_LAYERS = 2**13
_LARGEST = 2**31  # number in a setting
_ARRAY = -23300  # keys from here downwards have lists

Number = int | float


class Layer(NamedTuple):
    """What makes values of values."""

    kind: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    settings: Mapping[int, Number]

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"[:80]


def parse(text: str) -> tuple[Layer, ...]:
    """The layers, each behind those that it reads from.

    Raises:
        ValueError: this is no such text.
    """
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) < 2 or lines[0].strip() != MAGIC:
        raise ValueError(f"does not begin with ncnn's number {MAGIC}")
    counts = lines[1].split()
    layers = tuple(_layer(line) for line in lines[2 : MAX_LAYERS + 2])
    if len(lines) > MAX_LAYERS + 2 or counts[:1] != [str(len(layers))]:
        raise ValueError(f"has {len(lines) - 2} layers where its second line says {counts[0]:.20}")
    known: set[str] = set()
    for layer in layers:
        if missing := [name for name in layer.inputs if name not in known]:
            raise ValueError(f"{layer} reads {missing[0]:.80}, which no layer before it makes")
        if known.intersection(layer.outputs) or len(set(layer.outputs)) < len(layer.outputs):
            raise ValueError(f"{layer} makes a value that there is already")
        known.update(layer.outputs)
    return layers


def _layer(line: str) -> Layer:
    words = line.split()
    try:
        kind, name, inputs, outputs = words[0], words[1], int(words[2]), int(words[3])
    except (IndexError, ValueError):
        raise ValueError(f"has the line {line.strip():.80}, which is no layer") from None
    values = words[4:]
    if min(inputs, outputs) < 0 or inputs + outputs > len(values):
        raise ValueError(f"has the line {line.strip():.80}, which lacks names")
    settings = dict(_setting(word, line) for word in values[inputs + outputs :])
    made = values[inputs : inputs + outputs]
    return Layer(kind, name, tuple(values[:inputs]), tuple(made), settings)


def _setting(word: str, line: str) -> tuple[int, Number]:
    """A key and its number; of a list, how many numbers it says that it has."""
    key, _, value = word.partition("=")
    number, found = 0, math.nan
    try:
        number = int(key)
        if number <= _ARRAY:
            value = value.partition(",")[0]
        found = float(value) if "." in value or "e" in value else int(value)
    except ValueError:
        pass
    if not abs(found) <= _LARGEST:
        raise ValueError(f"has the setting {word:.40} in {line.strip():.80}")
    return number, found
