"""Programs survive their file, and a damaged one is refused in a sentence."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tiny_networks import TINY, tiny

from cadyq_cli.engine.compile import compile_network
from cadyq_cli.engine.loaded_grid import ends_of
from cadyq_cli.engine.program import Conv, Grid, Program, Site
from cadyq_cli.quant.rounding import highest_code


@pytest.mark.parametrize("precision", ["float", "static", "dynamic"])
@pytest.mark.parametrize("backbone", TINY)
def test_a_program_comes_back_from_json_as_it_was(backbone: str, precision: str) -> None:
    layers = {} if precision == "float" else {"edges": "static", "unsigned": True}
    network = tiny(backbone, 2, precision, layers=layers)
    program = compile_network(network.backbone, scale=2)
    assert Program.from_json(program.to_json()) == program
    assert program.candidates == network.candidates


def changed(**changes: Any) -> str:
    entries = json.loads(compile_network(tiny("edsr").backbone, scale=2).to_json())
    return json.dumps(entries | changes)


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("[]", "no JSON object"),
        ("rubbish", "Expecting value"),
        (changed(format=99), "was made by a newer cadyq"),
        (changed(steps=[{"step": "teleport"}]), "teleport"),
        (changed(steps=[{"step": "affine", "out": "a"}]), "source"),
        (changed(steps=[{"step": "affine", "out": "a", "source": "b"}]), "reads b too early"),
        (changed(steps=["affine"]), "cannot be understood"),
        (changed(steps=None), "cannot be understood"),
        (changed(surprise=1), "surprise"),
        (changed(out="nowhere"), "does not make nowhere"),
    ],
    ids=lambda value: value[-20:],
)
def test_a_damaged_program_is_refused(text: str, cause: str) -> None:
    with pytest.raises(ValueError, match=cause):
        Program.from_json(text)


def test_a_value_is_made_once() -> None:
    conv = Conv(out="a", source="x", module="m", bias=False)
    with pytest.raises(ValueError, match="makes a twice"):
        Program(scale=1, source="x", out="a", instructions=(conv, conv))


@pytest.mark.parametrize("unsigned", [False, True])
def test_codes_are_those_that_training_rounds_to(unsigned: bool) -> None:
    widths = tuple(range(2, 9))
    grid = Grid(module="m", widths=widths, unsigned=unsigned)
    highest = [highest_code(bits, unsigned=unsigned) for bits in widths]
    ends = [(float(low[0]), float(high[0])) for low, high in ends_of(grid, {})]
    assert ends == [(0 if unsigned else -high, high) for high in highest]


def test_sites_come_in_the_order_of_execution() -> None:
    program = compile_network(tiny("edsr", 2, "static").backbone, scale=2)
    assert list(program.candidates) == ["block1.1", "block1.2", "block2.1", "block2.2"]
    assert {grid.module for grid in program.grids} >= {"blocks.0.exit", "blocks.1.exit"}
    assert any(isinstance(instruction, Site) for instruction in program.instructions)
