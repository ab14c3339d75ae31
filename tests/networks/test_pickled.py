"""Checkpoints that claim more than they hold, or hold what no weights are."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file
from torch import Tensor

from cadyq_cli.errors import CheckpointError
from cadyq_cli.networks.official import load_official

GOLDEN = Path(__file__).parents[1] / "golden" / "released_edsr_x2.safetensors"
PREFIX = "cadyq.state/"


def _state() -> dict[str, Tensor]:
    every = load_file(GOLDEN)
    return {k.removeprefix(PREFIX): v for k, v in every.items() if k.startswith(PREFIX)}


def _failure(path: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        load_official(path, backbone="edsr", scale=2)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)
    return str(caught.value)


ODD: dict[str, Any] = {
    "expanded": torch.zeros(1).as_strided((20000, 3, 3, 3), (0, 0, 0, 0)),
    "overlapping": torch.zeros(9).as_strided((16, 3, 3, 3), (0, 0, 3, 1)),
    "without numbers": torch.empty(10**9, 3, 3, 3, device="meta"),
    "sparse": torch.zeros(16, 27).to_sparse(),
    "complex": torch.zeros(16, 3, 3, 3, dtype=torch.complex64),
    "empty": torch.zeros(2**28, 0, 1, 1),
    "infinite": torch.full((16, 3, 3, 3), torch.inf),
    "float64 beyond float32": torch.full((16, 3, 3, 3), 1e300, dtype=torch.float64),
}


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("odd", ODD)
def test_tensors_that_are_no_plain_weights_are_refused(
    odd: str, legacy: bool, tmp_path: Path
) -> None:
    path = tmp_path / "a.pth"
    state = _state() | {"head.0.weight": ODD[odd]}
    torch.save(state, path, _use_new_zipfile_serialization=not legacy)
    assert "is no checkpoint of edsr x2" in _failure(path)


def test_a_compressed_file_is_not_unpacked(tmp_path: Path) -> None:
    torch.save(_state() | {"more": torch.zeros(10**6)}, tmp_path / "plain.pth")
    path = tmp_path / "a.pth"
    with ZipFile(tmp_path / "plain.pth") as plain, ZipFile(path, "w", ZIP_DEFLATED) as packed:
        for name in plain.namelist():
            packed.writestr(name, plain.read(name))
    assert "is compressed" in _failure(path)


def test_a_checkpoint_that_holds_itself_holds_no_weights(tmp_path: Path) -> None:
    content: dict[str, Any] = {}
    content["state_dict"] = content
    torch.save(content, tmp_path / "a.pth")
    assert "holds no state dict" in _failure(tmp_path / "a.pth")


@given(content=st.binary(max_size=80), start=st.sampled_from([b"", b"PK\x03\x04", b"\x80\x02"]))
@settings(max_examples=30, deadline=None, derandomize=True)
def test_arbitrary_bytes_are_no_checkpoint(
    content: bytes, start: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.pth"
    path.write_bytes(start + content)
    _failure(path)
