"""A run's folder as it should not be: damaged, or made by somebody who means harm."""

from __future__ import annotations

import contextlib
import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import save_file
from tiny_networks import tiny

from cadyq_cli.errors import CheckpointError, FileError, InputError
from cadyq_cli.training.data.survey import survey
from cadyq_cli.training.learning.optimisers import Optimisers
from cadyq_cli.training.learning.state import State, steps_of
from cadyq_cli.training.log import curves, table
from cadyq_cli.training.recipes.plan import parse_plan
from cadyq_cli.training.recipes.recipe import Recipe

HEAD: dict[str, Any] = {
    "step": 3,
    "bit_price": 0.1,
    "recent": 2.0,
    "lowest": math.inf,
    "scaler": {},
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)


def _state(path: Path, head: str) -> Path:
    save_file({"network/a": torch.zeros(1)}, path, metadata={"state": head})
    return path


def test_a_state_that_is_as_it_should_be_is_read(tmp_path: Path) -> None:
    path = _state(tmp_path / "float.state", json.dumps(HEAD))
    assert (steps_of(path), State.load(path).lowest) == (3, math.inf)


@pytest.mark.parametrize(
    "head",
    [
        "",
        "[",
        "[" * 100_000,
        "3",
        "[1, 2]",
        json.dumps(HEAD | {"step": "3"}),
        json.dumps(HEAD | {"step": True}),
        json.dumps(HEAD | {"step": -1}),
        json.dumps(HEAD | {"step": 10**30}),
        json.dumps(HEAD | {"recent": math.nan}),
        json.dumps(HEAD | {"recent": None}),
        json.dumps(HEAD | {"lowest": 10**400}),
        json.dumps(HEAD | {"bit_price": "1"}),
        json.dumps(HEAD | {"scaler": [1]}),
        json.dumps(HEAD | {"scaler": {"scale": "many"}}),
        json.dumps(HEAD).replace("3", "1" + "0" * 5000),
    ],
    ids=lambda head: head[:40],
)
def test_a_damaged_state_is_named_with_what_to_do(head: str, tmp_path: Path) -> None:
    path = _state(tmp_path / "float.state", head)
    for read in (steps_of, State.load):
        with pytest.raises(CheckpointError) as caught:
            read(path)
        assert str(caught.value).startswith(f"{path}: is damaged")
        assert "\n" not in str(caught.value)


@given(content=st.binary(max_size=64) | JSON.map(lambda value: json.dumps(value).encode()))
@settings(max_examples=40, deadline=None, derandomize=True)
def test_no_content_of_a_state_ends_in_anything_else(
    content: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.state"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match="is damaged"):
        steps_of(path)


@pytest.mark.parametrize(
    "change",
    [
        {"exp_avg": torch.zeros(5)},
        {"exp_avg": None},
        {"exp_avg": torch.zeros(8, dtype=torch.float16)},
        {"step": torch.zeros(2)},
        {"surprise": torch.zeros(8)},
    ],
    ids=repr,
)
def test_moments_of_another_shape_or_kind_are_refused(change: dict[str, Any]) -> None:
    network = tiny("edsr", precision="float")
    optimisers = Optimisers(network, Recipe(), torch.amp.GradScaler(enabled=False))
    name = next(n for n, p in network.named_parameters() if p.shape == (8,))
    moments = {"step": torch.zeros(()), "exp_avg": torch.zeros(8), "exp_avg_sq": torch.zeros(8)}

    def named(values: dict[str, Any]) -> dict[str, Any]:
        return {f"{name}/{key}": value for key, value in values.items() if value is not None}

    optimisers.restore(named(moments))
    with pytest.raises(KeyError):
        optimisers.restore(named(moments | change))


LINE = "float,20,1.0,16.0,3.5,,,,,0.1,,1,,"
VALIDATION = "float,20,,,,,,,,,,,31.5,5.25"


def _table(path: Path, *lines: str) -> Path:
    path.write_text("\n".join([",".join(table.COLUMNS), *lines]) + "\n", encoding="utf-8")
    return path


def test_a_table_is_read_but_for_a_last_line_that_was_cut_off(tmp_path: Path) -> None:
    path = _table(tmp_path / "metrics.csv", LINE, VALIDATION, "float,40,1")
    assert [row["psnr"] for row in table.read(path)] == ["", "31.5"]


@pytest.mark.parametrize(
    "line",
    [
        LINE.replace("20", "twenty", 1),
        LINE.replace("20", "-20", 1),
        LINE.replace("20", "9" * 5000, 1),
        LINE.replace("3.5", "much"),
        LINE.replace("3.5", "nan"),
        LINE.replace("3.5", "1e400"),
        LINE.replace("float", "fl\noat"),
        VALIDATION.replace("31.5", "1e30"),
        LINE + ",5",
        "float,20",
        "float,20,1.0,16.0," + "3" * 200_000,
    ],
    ids=lambda line: line[:40],
)
def test_a_damaged_table_is_named_with_what_to_do(line: str, tmp_path: Path) -> None:
    path = _table(tmp_path / "metrics.csv", line, LINE)
    with pytest.raises(FileError, match=r"metrics\.csv: is damaged .*; move it away"):
        table.Table(path, "float", 20, 16)


@given(content=st.binary(max_size=200) | st.text(max_size=80).map(str.encode))
@settings(max_examples=40, deadline=None, derandomize=True)
def test_a_table_is_either_drawn_or_refused(
    content: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(content)
    try:
        rows = table.read(path)
    except FileError:
        return
    assert not rows


@pytest.mark.parametrize("value", ["0", "-1", "1e-29", "1e29"])
def test_whatever_is_read_can_be_drawn(value: str, tmp_path: Path) -> None:
    path = _table(tmp_path / "metrics.csv", f"float,1,1,1,{value},,,,,inf,,1,,")
    curves.draw(tmp_path / "curves.png", table.read(path))
    with Image.open(tmp_path / "curves.png") as picture:
        assert picture.width == curves.WIDTH  # one stage


@pytest.mark.parametrize(
    "remembered",
    [
        b"",
        b"\xff",
        b"3",
        b"[" * 100_000,
        b"[]",
        b'{"%s": 3}',
        b'{"%s": {"size": 3, "state": 5}}',
        b'{"%s": {"size": ["a", "b"], "state": [1, 2]}}',
        b'{"%s": {"broken": 7}}',
    ],
    ids=lambda content: repr(content[:30]),
)
def test_a_bad_list_of_photographs_is_ignored(remembered: bytes, tmp_path: Path) -> None:
    photo = tmp_path / "a.png"
    Image.new("RGB", (40, 30)).save(photo)
    cache = tmp_path / "photographs.json"
    cache.write_bytes(remembered.replace(b"%s", str(photo).encode()))
    assert survey([photo], smallest=20, remembered=cache).pixels == 1200


@pytest.mark.parametrize(
    "text",
    [
        "scale = 1" + "0" * 5000,
        "scale = 0x" + "f" * 5000,
        "[float]\nlearning_rate = 1" + "0" * 400,
        "a = " + "[" * 100_000,
        "a = " + "[" * 100 + "]" * 100,
        "settings." + ".".join("a" * 3000) + " = 1",
        "[float]\nlearning_rate = inf",
        "[float]\nbit_price_growth = nan",
        "[float]\nbatch = 1000000000000",
        "[float]\nsteps = [[1]]",
        'start = "a\\u0000b"',
        "backbone = 1979-05-27",
        f"backbone = {{a = '{'b' * 9999}'}}",
    ],
    ids=lambda text: text[:40],
)
def test_numbers_and_nesting_beyond_measure_are_refused_in_a_short_line(text: str) -> None:
    with pytest.raises(InputError, match=r"^mine\.toml") as caught:
        parse_plan(text, "mine.toml")
    assert len(str(caught.value)) < 400
    assert "\n" not in str(caught.value)


TOML = st.sampled_from(
    ["scale", "widths", "stages", "start", "settings", "float", "[float]\nsizes"]
)


@given(name=TOML, value=JSON.map(lambda value: json.dumps(value).replace("null", "nan")))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_no_value_of_a_setting_ends_in_anything_else(name: str, value: str) -> None:
    with contextlib.suppress(InputError):
        parse_plan(f"{name} = {value}", "mine.toml")
