"""Checkpoints of the authors' released code, translated to our names.

Their files are pickles with no hyper-parameters inside, so features and blocks are read from the
shapes, and the precision from the names: bit selectors make a dynamic network, bounds alone a
static one, neither a float one. Every name must be understood and every weight must be there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from cadyq_cli.backbones.known import backbone as look_up
from cadyq_cli.backbones.parts import DIV2K_MEAN
from cadyq_cli.errors import CheckpointError, InputError
from cadyq_cli.networks.card import Card
from cadyq_cli.networks.network import Network, check_weights, shapes_of
from cadyq_cli.networks.pickled import check_plain
from cadyq_cli.networks.state_dicts import State, state_dict_in
from cadyq_cli.networks.stored import refuse_stray

Names = dict[str, str]  # the authors' module name -> ours

SCALES = (2, 3, 4)

_MEAN_SHIFTS = ("sub_mean", "add_mean", "sub_mean.shifter", "add_mean.shifter")
_LEAF = re.compile(
    r"(?P<module>.+?)\.(?P<leaf>alpha|max_val|quant_bit(?P<grid>\d)\.(?:alpha|max_val)"
    r"|net_small\.0\.(?P<selector>weight|bias)"
    r"|weight|bias|running_mean|running_var|num_batches_tracked)"
)


def load_official(
    source: Path | str | State,
    *,
    backbone: str,
    scale: int,
    widths: Sequence[int] = (4, 6, 8),
    device: torch.device | str = "cpu",
) -> Network:
    """Build a network from a checkpoint of the authors' code, ready for inference.

    Args:
        source: A `.pth`, `.pt`, `.pth.tar` or `.safetensors` file, or a state dict.
        backbone: ``edsr``, ``carn``, ``idn`` or ``srresnet``.
        scale: 2, 3 or 4. The file does not tell.
        widths: Candidate bit-widths of a CADyQ network, in the order of its quantizers. The width
            of a PAMS network is 8.
        device: Where the network goes.

    Raises:
        CheckpointError: the file is missing, truncated, or holds code; or its names or shapes are
            not those of this backbone, scale and number of widths.
        InputError: a backbone or a scale that the authors' code does not have.
    """
    path: Path | None = None
    if isinstance(source, Mapping):
        state = source
    else:
        path = Path(source)
        state = read_state(path)
    network = network_from(state, path, backbone, scale=scale, widths=widths)
    return network.to(device)


def network_from(
    state: State, path: Path | None, backbone: str, *, scale: int, widths: Sequence[int]
) -> Network:
    """What `load_official` builds from a state dict, and `path`, where that was read."""
    if backbone not in _TABLES:
        choices = ", ".join(_TABLES)
        raise InputError(f"the authors' code has no backbone {backbone!r}; choose from {choices}")
    if scale not in SCALES:
        raise InputError(f"scale must be 2, 3 or 4, got {scale}")
    size = None if path is None else path.stat().st_size
    try:
        check_plain(state, size)
        return _translate(state, backbone, scale, tuple(widths)).eval()
    except ValueError as error:
        name = f"{backbone} x{scale}"
        raise CheckpointError(
            path or "state dict", f"is no checkpoint of {name}: {error}"
        ) from error


class _MismatchError(ValueError):
    """Why a state dict does not fit."""


def read_state(path: Path) -> State:
    """The state dict in a file, bare or wrapped; of a pickle, without running any code in it.

    Raises:
        CheckpointError: the file is missing, truncated, or holds code or no state dict.
    """
    if not path.is_file():
        raise CheckpointError(path, "no such checkpoint")
    refuse_stray(path)
    return state_dict_in(path)


def _translate(state: State, backbone: str, scale: int, widths: tuple[int, ...]) -> Network:
    settings, names = _TABLES[backbone](state, scale)
    precision, layers = _execution(state, backbone, widths)
    card = Card(backbone=backbone, settings=settings, precision=precision, layers=layers)
    translated = _renamed(state, names)
    try:
        expected = shapes_of(card)
    except InputError as error:
        raise _MismatchError(error) from error
    # A constant of the released code, not in its files.
    constant = {k for k in expected if k.endswith(".input_scale")}
    _check_fit({k: v for k, v in expected.items() if k not in constant}, translated)
    network = Network(card)
    network.backbone.load_state_dict(translated | _constants(network, constant))
    check_weights(network)
    return network


def _constants(network: Network, names: set[str]) -> dict[str, Tensor]:
    return {name: value for name, value in network.backbone.state_dict().items() if name in names}


def _execution(state: State, backbone: str, widths: tuple[int, ...]) -> tuple[str, dict[str, Any]]:
    """The precision that the names tell of, with its settings."""
    if any(".net_small." in name for name in state):
        scale = look_up(backbone).gradient_scale
        return "dynamic", {"widths": widths, "gradient_scale": scale}
    return ("static" if any(name.endswith(".alpha") for name in state) else "float"), {}


def _renamed(state: State, names: Names) -> dict[str, Tensor]:
    """The state under our names; the bounds of a site's grids become one tensor."""
    translated: dict[str, Tensor] = {}
    bounds: dict[str, dict[int, Tensor]] = {}
    for name, value in state.items():
        match = _LEAF.fullmatch(name)
        if match is None or match["module"] not in names.keys() | set(_MEAN_SHIFTS):
            raise _MismatchError(f"it has an unknown entry {name}")
        if match["module"] in _MEAN_SHIFTS:
            _check_mean(name, value)
        elif match["leaf"].endswith("alpha"):
            grid = int(match["grid"] or 1) - 1
            found = bounds.setdefault(f"{names[match['module']]}.bounds", {})
            if value.numel() != 1:
                raise _MismatchError(f"{name} is not one number")
            _put(found, grid, value.reshape(()), name)
        elif not match["leaf"].endswith("max_val"):
            leaf = f"selector.{match['selector']}" if match["selector"] else match["leaf"]
            _put(translated, f"{names[match['module']]}.{leaf}", value, name)
    for name, found in bounds.items():
        if sorted(found) != list(range(len(found))):
            raise _MismatchError(f"a bound of {name} is missing")
        translated[name] = torch.stack([found[grid] for grid in range(len(found))])
    return translated


def _put(found: dict[Any, Tensor], key: Any, value: Tensor, name: str) -> None:
    """Store a value; a second name of the same module must carry the same one."""
    if key in found and not torch.equal(found[key], value):
        raise _MismatchError(f"{name} differs from another name of the same module")
    found[key] = value


def _check_mean(name: str, value: Tensor) -> None:
    """The mean colour is part of our topology, so a file with another one would go wrong."""
    if not name.endswith("bias"):
        return
    if value.shape != (3,):
        raise _MismatchError(f"{name} is not the mean colour of DIV2K")
    mean = value.new_tensor(DIV2K_MEAN) * (1 if ".shifter" in name else 255)
    if not torch.allclose(value.abs(), mean, rtol=1e-3):
        raise _MismatchError(f"{name} is not the mean colour of DIV2K")


def _check_fit(expected: Mapping[str, torch.Size], found: State) -> None:
    if missing := [name for name in expected if name not in found]:
        raise _MismatchError(f"it lacks {len(missing)} entries, for instance {missing[0]}")
    if extra := [name for name in found if name not in expected]:
        raise _MismatchError(f"it has {len(extra)} entries too many, for instance {extra[0]}")
    for name, value in found.items():
        if value.shape != expected[name]:
            have, want = tuple(value.shape), tuple(expected[name])
            raise _MismatchError(f"{name} has the shape {have} where {want} belongs")


def _shape(state: State, name: str) -> tuple[int, ...]:
    if name not in state:
        raise _MismatchError(f"it lacks {name}")
    return tuple(state[name].shape)


def _count(state: State, pattern: str) -> int:
    """How many different numbers the group of a pattern takes in the names."""
    return len({match[1] for name in state if (match := re.match(pattern, name))})


def _edsr(state: State, scale: int) -> tuple[dict[str, Any], Names]:
    blocks = _count(state, r"body\.(\d+)\.body\.")
    is_float = "body.0.body.3.weight" not in state
    names = {"head.0": "head", f"body.{blocks}": "body_end", "tail.1": "tail"}
    names |= {f"tail.0.{2 * i}": f"upsampler.{2 * i}" for i in range(2)}
    for i in range(blocks):
        theirs, ours = f"body.{i}", f"blocks.{i}"
        names |= {
            f"{theirs}.body.0": f"{ours}.conv1.conv",
            f"{theirs}.body.2": f"{ours}.conv2.conv" if is_float else f"{ours}.site2",
            f"{theirs}.body.3": f"{ours}.conv2.conv",
            f"{theirs}.quant_act3": f"{ours}.exit",
        }
        for site in (1, 2):
            names |= {f"{theirs}.{n}{site}": f"{ours}.site{site}" for n in ("bitsel", "quant_act")}
    features = _shape(state, "head.0.weight")[0]
    return {"scale": scale, "features": features, "blocks": blocks}, names


def _srresnet(state: State, scale: int) -> tuple[dict[str, Any], Names]:
    blocks = _count(state, r"body\.(\d+)\.conv1\.")
    names = {"head.0": "head", "head.1": "act", "tail.1": "tail"}
    names |= {f"body.{blocks}": "body_end", f"body.{blocks + 1}": "body_norm"}
    names |= {f"tail.0.{i}": f"upsampler.{i}" for i in range(6)}
    for i in range(blocks):
        theirs, ours = f"body.{i}", f"blocks.{i}"
        names[f"{theirs}.act"] = "act"
        for part in (1, 2):
            names |= {
                f"{theirs}.conv{part}": f"{ours}.conv{part}.conv",
                f"{theirs}.bn{part}": f"{ours}.norm{part}",
                f"{theirs}.classify{part}": f"{ours}.site{part}",
                f"{theirs}.quant_act{part}": f"{ours}.site{part}",
            }
    features = _shape(state, "head.0.weight")[0]
    settings = {"scale": scale, "features": features, "blocks": blocks}
    return settings | {"first_conv_unquantized": True}, names


def _carn(state: State, scale: int) -> tuple[dict[str, Any], Names]:
    names = {"entry": "entry", "exit": "exit"}
    for i in range(1, 4):
        names[f"c{i}.body.0"] = f"joins.{i - 1}"
        for j in range(1, 4):
            theirs, ours = f"b{i}.b{j}", f"blocks.{i - 1}.blocks.{j - 1}"
            names[f"b{i}.c{j}.body.0"] = f"blocks.{i - 1}.joins.{j - 1}"
            for part, (site, conv) in enumerate(((0, 1), (3, 4)), start=1):
                names |= {
                    f"{theirs}.body.{site}": f"{ours}.site{part}",
                    f"{theirs}.quant_act{part}": f"{ours}.site{part}",
                    f"{theirs}.body.{conv}": f"{ours}.conv{part}.conv",
                }
    upsamplers = {f"up{s}": s for s in (2, 3, 4)} | {"up": scale}
    for name, s in upsamplers.items():
        names |= {f"upsample.{name}.body.{i}": f"upsamplers.x{s}.{i}" for i in (0, 3)}
    multi_scale = any(name.startswith("upsample.up2.") for name in state)
    features = _shape(state, "entry.weight")[0]
    return {"scale": scale, "features": features, "multi_scale": multi_scale}, names


def _idn(state: State, scale: int) -> tuple[dict[str, Any], Names]:
    blocks = _count(state, r"dblocks\.(\d+)\.")
    names = {"deconv": "deconv"}
    for part, (site, conv) in enumerate(((0, 1), (3, 4)), start=1):
        names |= {
            f"fblock.module.{site}": f"entry.site{part}",
            f"fblock.quant_actf{part}": f"entry.site{part}",
            f"fblock.module.{conv}": f"entry.conv{part}.conv",
        }
    for i in range(blocks):
        theirs, ours = f"dblocks.{i}", f"blocks.{i}"
        names[f"{theirs}.compression"] = f"{ours}.compression"
        for half, unit in enumerate(("top", "bottom")):
            for part in range(3):
                enhancement = f"{theirs}.enhancement_{unit}"
                names |= {
                    f"{enhancement}.{3 * part}": f"{ours}.{unit}.site{part + 1}",
                    f"{theirs}.quant_act{3 * half + part + 1}": f"{ours}.{unit}.site{part + 1}",
                    f"{enhancement}.{3 * part + 1}": f"{ours}.{unit}.conv{part + 1}.conv",
                }
    features = _shape(state, "fblock.module.1.weight")[0]
    narrow = _shape(state, "dblocks.0.enhancement_top.1.weight")[0]
    kept = features - _shape(state, "dblocks.0.enhancement_bottom.1.weight")[1]
    if kept < 1:
        raise _MismatchError("its enhancement units have impossible widths")
    settings = {"scale": scale, "features": features, "blocks": blocks}
    return settings | {"difference": features - narrow, "slices": features // kept}, names


_TABLES: Mapping[str, Callable[[State, int], tuple[dict[str, Any], Names]]] = {
    "edsr": _edsr,
    "carn": _carn,
    "idn": _idn,
    "srresnet": _srresnet,
}
