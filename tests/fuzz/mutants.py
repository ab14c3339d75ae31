"""Weights files as a stranger might write them: a good one with its structure changed at random."""

from __future__ import annotations

import json
import random
from contextlib import suppress
from pathlib import Path
from typing import Any

NUMBERS = (
    0,
    1,
    -1,
    2,
    3,
    5,
    7,
    16,
    255,
    257,
    4096,
    2**31,
    2**63,
    -(2**31),
    0.5,
    1e-30,
    1e30,
    1e300,
)
OTHERS: tuple[Any, ...] = (
    None,
    True,
    False,
    "",
    "x",
    "silu",
    [],
    {},
    [1],
    ["x", "x"],
    [[[]]],
    "\x1b[2J",
    10**30,
)
KINDS = ("F32", "I8", "F16", "F64", "BF16", "F8_E4M3", "I64", "BOOL")
BYTES = {"F32": 4, "I8": 1, "F16": 2, "F64": 8, "BF16": 2, "F8_E4M3": 1, "I64": 8, "BOOL": 1}


class File:
    """A safetensors file taken apart; changes of a copy leave it as it is."""

    def __init__(self, path: Path) -> None:
        content = path.read_bytes()
        size = int.from_bytes(content[:8], "little")
        self._header, self._data = content[8 : 8 + size], content[8 + size :]

    def mutant(self, seed: int) -> bytes:
        """The file with one to three changes."""
        chance = random.Random(seed)
        header = json.loads(self._header)
        metadata = header.pop("__metadata__")
        parts = {key: json.loads(text) for key, text in metadata.items()}
        tensors = {
            name: (entry["dtype"], entry["shape"], self._data[slice(*entry["data_offsets"])])
            for name, entry in header.items()
        }
        for _ in range(chance.choice((1, 1, 1, 2, 3))):
            change = chance.choices(
                (_change_program, _change_entry, _change_tensor, _change_card), (3, 5, 5, 1)
            )[0]
            with suppress(TypeError, KeyError, AttributeError, IndexError):
                change(chance, parts, tensors)  # which may not fit what another has left
        texts = {key: json.dumps(part) for key, part in parts.items()}
        if chance.random() < 0.01:
            texts[chance.choice([*texts])] = chance.choice(("[" * 100_000, "{", "NaN", "9" * 5000))
        return _file(texts, tensors)


def _file(texts: dict[str, str], tensors: dict[str, Any]) -> bytes:
    header: dict[str, Any] = {"__metadata__": texts}
    data = bytearray()
    for name, (kind, shape, numbers) in tensors.items():
        offsets = [len(data), len(data) + len(numbers)]
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": offsets}
        data += numbers
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + data


def _change_program(chance: random.Random, parts: dict[str, Any], tensors: dict[str, Any]) -> None:
    """Leave out, repeat, exchange or insert steps, or have them read other values."""
    program = parts["cadyq.program"]
    steps = program["steps"]
    names = [program["source"], *(step["out"] for step in steps)]
    at = chance.randrange(len(steps)) if steps else 0
    match chance.randrange(6):
        case 0 if steps:
            steps.pop(at)
        case 1 if steps:
            steps.insert(at, dict(chance.choice(steps)))
        case 2 if steps:
            other = chance.randrange(len(steps))
            steps[at], steps[other] = steps[other], steps[at]
        case 3 if steps:
            steps[at]["source"] = chance.choice(names)
        case 4 if steps:
            steps[at]["sources"] = chance.choices(names, k=chance.choice((0, 1, 2, 3, 500)))
        case _:
            new = chance.choice(names)
            kind = chance.choice(
                ("bicubic", "shuffle", "concat", "decode", "add", "slice", "curve")
            )
            step = {"step": kind, "out": f"new{at}", "source": new, "factor": chance.choice((2, 4))}
            if kind in ("concat", "add"):
                step = {"step": kind, "out": f"new{at}", "sources": [new, chance.choice(names)]}
            if kind == "slice":
                step |= {"start": 0, "stop": chance.choice((1, 3, 1000))}
            kept = {"bicubic": ("factor",), "shuffle": ("factor",), "slice": ("start", "stop")}
            allowed = {"step", "out", "source", "sources", *kept.get(kind, ())}
            steps.insert(at, {k: v for k, v in step.items() if k in allowed})
            if steps[at + 1 :]:
                chance.choice(steps[at + 1 :])["source"] = f"new{at}"


def _change_entry(chance: random.Random, parts: dict[str, Any], tensors: dict[str, Any]) -> None:
    """Give an entry of the program another value, whatever it means."""
    program = parts["cadyq.program"]
    places = list(_places(program))
    holder, key = chance.choice(places)
    if isinstance(holder, dict) and chance.random() < 0.15:
        holder.pop(key)
    elif isinstance(holder, dict) and chance.random() < 0.1:
        holder[chance.choice(("groups", "shuffle", "gate", "add", "curve", "surprise"))] = _value(
            chance
        )
    elif type(holder[key]) is int and chance.random() < 0.6:
        holder[key] = chance.choice((*NUMBERS[:12], holder[key] + 1, holder[key] * 2))
    else:
        holder[key] = _value(chance)


def _value(chance: random.Random) -> Any:
    return chance.choice(chance.choice((NUMBERS, OTHERS)))


def _places(part: Any) -> Any:
    keys = part.keys() if isinstance(part, dict) else range(len(part))
    for key in list(keys):
        yield part, key
        if isinstance(part[key], (dict, list)):
            yield from _places(part[key])


def _change_card(chance: random.Random, parts: dict[str, Any], tensors: dict[str, Any]) -> None:
    card = parts["cadyq"]
    holder, key = chance.choice([*_places(card)])
    holder[key] = _value(chance)


def _change_tensor(chance: random.Random, parts: dict[str, Any], tensors: dict[str, Any]) -> None:
    """Give a tensor another shape, kind or numbers, exchange it, or leave it out."""
    name = chance.choice([*tensors])
    kind, shape, numbers = tensors[name]
    match chance.randrange(7):
        case 0:
            tensors.pop(name)
        case 1:
            tensors[name] = tensors[chance.choice([*tensors])]
        case 2:
            kind = chance.choice(KINDS)
            tensors[name] = (kind, shape, bytes(_count(shape) * BYTES[kind]))
        case 3:
            shape = list(shape) or [1]
            shape[chance.randrange(len(shape))] = chance.choice((0, 1, 2, 3, 5, 11, 21, 64))
            tensors[name] = (kind, shape, chance.randbytes(_count(shape) * BYTES[kind]))
        case 4:
            shape = [*shape, 1] if chance.random() < 0.5 else shape[1:]
            tensors[name] = (kind, shape, numbers[: _count(shape) * BYTES[kind]])
            if len(tensors[name][2]) < _count(shape) * BYTES[kind]:
                tensors[name] = (kind, shape, bytes(_count(shape) * BYTES[kind]))
        case 5:
            tensors[name] = (kind, shape, chance.randbytes(len(numbers)))
        case _:
            tensors[name] = (kind, [2**28, 0, *shape[2:]], b"")


def _count(shape: list[int]) -> int:
    result = 1
    for length in shape:
        result *= length
    return result
