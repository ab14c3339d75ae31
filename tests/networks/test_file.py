"""Our weights files: complete, strict, small, and honest about what is wrong with them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from reference_kernels import ReferenceKernels
from safetensors import safe_open
from safetensors.numpy import save_file
from tiny_networks import TINY, tiny

from cadyq_cli import CadyqError
from cadyq_cli.errors import CheckpointError, FileError
from cadyq_cli.networks import Card, Network, load, save
from cadyq_cli.networks.stored import METADATA_KEY
from cadyq_cli.opening import load_executable


@pytest.mark.parametrize("compact", [False, True])
@pytest.mark.parametrize("precision", ["float", "static", "dynamic"])
@pytest.mark.parametrize("backbone", TINY)
def test_a_file_rebuilds_its_network(
    backbone: str, precision: str, compact: bool, tmp_path: Path
) -> None:
    network = tiny(backbone, 2, precision)
    save(tmp_path / "a.safetensors", network, compact=compact)
    again = load(tmp_path / "a.safetensors")
    assert again.card.precision == precision
    image = torch.rand(2, 3, 9, 10)
    with torch.no_grad():
        expected, trace = network(image)
        output, read = again(image)
    for site, bits in trace.bits.items():
        assert torch.equal(read.bits[site], bits)
    # A compact file keeps unquantized weights in float16, 11 significant bits.
    torch.testing.assert_close(output, expected, atol=0.02 if compact else 0, rtol=0)


def test_a_compact_file_of_the_published_size_takes_at_most_40_percent(tmp_path: Path) -> None:
    card = Card(backbone="edsr", settings={"scale": 4}, precision="dynamic")
    network = Network(card)
    save(tmp_path / "full", network)
    save(tmp_path / "compact", network, compact=True)
    sizes = [(tmp_path / name).stat().st_size for name in ("compact", "full")]
    assert sizes[0] <= 0.4 * sizes[1]


@torch.no_grad()
def test_a_compact_file_chooses_the_very_same_widths(tmp_path: Path) -> None:
    network = tiny("edsr", 4, layers={"edges": "static"})
    save(tmp_path / "a", network, compact=True)
    image = torch.rand(4, 3, 9, 10)
    (output, trace), (expected, wanted) = load(tmp_path / "a")(image), network(image)
    assert torch.equal(output, expected)
    assert all(torch.equal(trace.bits[site], bits) for site, bits in wanted.bits.items())


def test_saving_a_compact_network_again_changes_nothing(tmp_path: Path) -> None:
    save(tmp_path / "once", tiny("edsr"), compact=True)
    save(tmp_path / "twice", load(tmp_path / "once"), compact=True)
    assert (tmp_path / "once").read_bytes() == (tmp_path / "twice").read_bytes()


def test_quantized_weights_are_stored_as_whole_codes(tmp_path: Path) -> None:
    save(tmp_path / "a", tiny("edsr"), compact=True)
    with safe_open(tmp_path / "a", framework="np") as file:
        codes = file.get_tensor("blocks.0.conv1.conv.weight")
    assert codes.dtype == np.int8
    assert np.abs(codes.astype(int)).max() == 127


def _failure(path: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        load(path)
    assert isinstance(caught.value, CadyqError)
    assert caught.value.exit_code == 3
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message


def test_a_missing_file_is_said_to_be_missing(tmp_path: Path) -> None:
    assert "no such weights file" in _failure(tmp_path / "none.safetensors")


@pytest.mark.parametrize("content", [b"", b"rubbish", b"\xff" * 100])
def test_rubbish_is_no_weights_file(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(content)
    assert "is no weights file, or is damaged" in _failure(path)


@pytest.mark.parametrize("tenth", range(10))
def test_a_truncated_file_is_noticed(tenth: int, tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    save(path, tiny("edsr"))
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * tenth // 10])
    assert "is no weights file, or is damaged" in _failure(path)


def test_another_programs_safetensors_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    save_file({"weight": np.zeros(3, np.float32)}, path)
    assert "load_official" in _failure(path)


@pytest.mark.parametrize("zipped", [False, True])
def test_an_unknown_pytorch_checkpoint_is_told_apart(zipped: bool, tmp_path: Path) -> None:
    path = tmp_path / "a.pth.tar"
    state = {"weight": torch.zeros(3)}
    torch.save(state, path, _use_new_zipfile_serialization=zipped)
    assert "is not recognized as compact, edsr or span; its first tensors are weight" in _failure(
        path
    )


PLAIN = {"curvature": 0.7, "gradient": -0.1, "offset": 0.2}


@pytest.mark.parametrize("compact", [False, True])
def test_what_tells_plain_areas_comes_back(tmp_path: Path, *, compact: bool) -> None:
    path, network = tmp_path / "a.safetensors", tiny("edsr")
    network.card = replace(network.card, plain=PLAIN)
    save(path, network, compact=compact)
    assert load(path).difference_fit == (0.7, -0.1, 0.2)
    assert load_executable(path, ReferenceKernels()).difference_fit == (0.7, -0.1, 0.2)


def test_a_card_says_nothing_of_plain_areas_and_dials_unless_it_has_to() -> None:
    """So that versions of cadyq which do not know the entries can read the file."""
    assert not {"plain", "dial"} & json.loads(tiny("edsr").card.to_json()).keys()


@pytest.mark.parametrize("compact", [False, True])
def test_a_dial_comes_back_and_tells_prices_between_its_averages(
    tmp_path: Path, *, compact: bool
) -> None:
    path, network = tmp_path / "a.safetensors", tiny("edsr")
    network.card = replace(network.card, dial={"bits": [4, 5, 7], "prices": [3.0, 1.0, -1.0]})
    save(path, network, compact=compact)
    for dial in (load(path).dial, load_executable(path, ReferenceKernels()).dial):
        assert dial is not None
        assert [dial.price(bits) for bits in (4, 4.5, 6)] == [3, 2, 0]
        with pytest.raises(ValueError, match="from 4 to 7 bit"):
            dial.price(7.5)


def _rewritten(path: Path, **changes: object) -> None:
    """The file at `path` with another card."""
    with safe_open(path, framework="np") as file:
        card = json.loads(file.metadata()[METADATA_KEY])
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    save_file(arrays, path, metadata={METADATA_KEY: json.dumps(card | changes)})


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"format": 2}, "was made by a newer cadyq (format 2); upgrade: this version"),
        ({"format": 0}, "does not state its format"),
        ({"format": "1"}, "does not state its format"),
        ({"format": True}, "does not state its format"),
        ({"format": None}, "does not state its format"),
        ({"backbone": "vdsr"}, "unknown backbone"),
        ({"dial": {"bits": [4, 5]}}, "has not the entries bits, prices"),
        ({"dial": {"bits": [4], "prices": [1]}}, "has not 2 to 64 bits"),
        ({"dial": {"bits": [4, 5], "prices": [1, 1e9]}}, "prices outside"),
        ({"dial": {"bits": [5, 4], "prices": [1, 0]}}, "a lower price for each average"),
        ({"dial": {"bits": [4, 5], "prices": [0, 1]}}, "a lower price for each average"),
        ({"precision": "ternary"}, "unknown precision"),
        ({"settings": {"scale": 5}}, "scale must be 1, 2, 3, 4 or 8"),
        ({"settings": {"scale": 2, "features": 8, "blocks": 3}}, "does not fit its card"),
        ({"settings": {"scale": 2, "features": 8, "blocks": 1}}, "does not fit its card"),
        ({"layers": {"colour": 1}}, "cannot be built"),
        ({"surprise": 1}, "unknown entries: surprise; a newer cadyq may know them"),
        ({"settings": {"scale": 0}}, "its scale is 0, not from 1 to 8"),
        ({"settings": {"scale": 10**6}}, "its scale is 1000000, not from 1 to 8"),
        ({"settings": {"scale": 2, "features": 10**6}}, "features = 1000000 should be at most"),
        ({"settings": {"scale": 2, "features": -1}}, "features = -1 should be at least 1"),
        ({"settings": {"scale": 2, "features": 1024}}, "does not fit its card"),
        ({"settings": {"scale": 2, "blocks": 10**9}}, "blocks = 1000000000 should be at most"),
        ({"settings": {"scale": 2, "blocks": 1.5}}, "blocks = 1.5 should be a whole number"),
        ({"settings": {"scale": 2, "composed": 1}}, "composed = 1 should be true or false"),
        ({"backbone": "idn", "settings": {"scale": 2, "difference": 40}}, "are too few"),
        ({"backbone": "idn", "settings": {"scale": 2, "slices": 100}}, "are too few"),
        ({"backbone": "span", "settings": {"scale": 2, "activation": [1]}}, "should be one of"),
        ({"layers": {"widths": [4] * 9}}, "at most 8 widths, not 9"),
        ({"layers": {"widths": [4, 10]}}, "bit-widths must lie in 2..9"),
        ({"layers": {"widths": []}}, "bit-widths must lie in 2..9"),
        ({"layers": {"widths": 8}}, "widths = 8 should be a list"),
        ({"layers": {"unsigned": "no"}}, "unsigned = 'no' should be true or false"),
        ({"layers": {"gradient_scale": float("nan")}}, "should be a finite number"),
        ({"about": {"note": "a" * 2**18}}, "more than 262144 characters"),
        ({"about": 10**20}, "a whole number beyond"),
        ({"settings": 5}, "has 5 for settings"),
        ({"settings": {}}, "does not say the scale"),
        ({"settings": {"scale": "2"}}, "does not say the scale"),
        ({"precision": ["static"]}, "for precision"),
        ({"plain": [1, 2, 3]}, "has [1, 2, 3] for plain"),
        ({"plain": {"offset": 1}}, "plain has not the entries curvature, gradient, offset"),
        ({"plain": PLAIN | {"more": 1}}, "plain has not the entries"),
        ({"plain": PLAIN | {"offset": "1"}}, "plain has '1' for offset"),
        ({"plain": PLAIN | {"offset": True}}, "plain has True for offset"),
        ({"plain": PLAIN | {"offset": float("nan")}}, "plain has nan for offset"),
        ({"plain": PLAIN | {"gradient": -1e9}}, "plain has -1000000000.0 for gradient"),
    ],
)
def test_a_card_that_does_not_fit_is_refused(
    changes: dict[str, object], cause: str, tmp_path: Path
) -> None:
    path = tmp_path / "a.safetensors"
    save(path, tiny("edsr"))
    _rewritten(path, **changes)
    assert cause in _failure(path)


@pytest.mark.parametrize("lost", ["codes", "step"])
def test_codes_and_their_steps_come_together_or_not_at_all(lost: str, tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    save(path, tiny("edsr"), compact=True)
    with safe_open(path, framework="np") as file:
        metadata = file.metadata()
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    step = next(name for name in arrays if name.endswith(".step"))
    del arrays[step if lost == "step" else step.removesuffix(".step")]
    save_file(arrays, path, metadata=metadata)
    assert step in _failure(path)
    with pytest.raises(CheckpointError, match=step):
        load_executable(path, ReferenceKernels())


def test_an_unwritable_folder_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FileError, match="cannot be written"):
        save(tmp_path / "file" / "a.safetensors", tiny("edsr"))
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
