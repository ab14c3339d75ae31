"""What can be evaluated: networks, and bicubic interpolation to compare them with."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open

from cadyq_cli.checkpoint import Card, Network, load, load_official, shipped
from cadyq_cli.checkpoint.stored import METADATA_KEY
from cadyq_cli.engine.runner import Runner
from cadyq_cli.errors import InputError
from cadyq_cli.evaluation.pairs import Pair, Source
from cadyq_cli.evaluation.protocol import Patches, Pixels, Widths
from cadyq_cli.imaging.resize import imresize
from cadyq_cli.upscaling import Enlargement

BICUBIC = "bicubic"
LUMA_BICUBIC = "bicubic-luma"
DEFAULT_SCALE = 4
WEIGHTS_SUFFIXES = (".safetensors", ".pth", ".pt", ".tar")


@dataclass(frozen=True, slots=True)
class Bicubic:
    """MATLAB's `imresize` of RGB pixels. It has no patches."""

    scale: int

    def load(self, source: Source) -> Pair:
        return source.load(self.scale)

    def enlarge(self, image: Pixels, patches: Patches) -> tuple[Pixels, Widths]:
        return imresize(image, self.scale), {}


@dataclass(frozen=True, slots=True)
class LumaBicubic(Bicubic):
    """The same on the luma plane, in fractions: the bicubic figures that papers copy."""

    def load(self, source: Source) -> Pair:
        return source.load_luma(self.scale)


@dataclass(frozen=True, slots=True)
class NetworkEnlarger:
    """A network, and what runs it."""

    network: Network
    file: Path | None = None  # where it came from
    runner: Runner | None = None  # unless torch runs the network

    def load(self, source: Source) -> Pair:
        return source.load(self.network.card.scale)

    def enlarge(self, image: Pixels, patches: Patches) -> tuple[Pixels, Widths]:
        run = Enlargement(self.runner or self.network, image, patches.cut(*image.shape[:2]))
        bands = [*run]
        return np.concatenate(bands), {
            site: bits.astype(np.uint8) for site, bits in run.bits.items()
        }


AnyEnlarger = Bicubic | NetworkEnlarger


def find(
    models: Sequence[str],
    *,
    scale: int | None = None,
    official: str | None = None,
    device: torch.device | str = "cpu",
    adopt: Callable[[Network], Runner] | None = None,
) -> tuple[int, dict[str, AnyEnlarger]]:
    """The models that a user names, and their common scale.

    Args:
        models: Each is ``bicubic`` or ``bicubic-luma``, a shipped network such as ``edsr`` or
            ``edsr-x2``, or a file. None at all: bicubic and every shipped network of the scale.
        scale: None: what the models say, else 4.
        official: The backbone of those files that are the authors' checkpoints.
        device: Where networks go.
        adopt: Gives what runs a network; None: torch.

    Raises:
        InputError: a name that is nothing, or models of different scales.
        CheckpointError: a file that cannot be used.
    """
    scale = scale or next((s for s in map(_stated_scale, models) if s), DEFAULT_SCALE)
    if not models:
        ending = f"-x{scale}"
        models = [BICUBIC, *(name for name in shipped.names() if name.endswith(ending))]
    found: dict[str, AnyEnlarger] = {}
    for model in models:
        if model in (BICUBIC, LUMA_BICUBIC):
            found[model] = Bicubic(scale) if model == BICUBIC else LumaBicubic(scale)
            continue
        path, network = _network(model, scale, official, device)
        if network.card.scale != scale:
            raise InputError(f"{model} enlarges {network.card.scale} times, not {scale}")
        found[model] = NetworkEnlarger(network, path, adopt(network) if adopt else None)
    return scale, found


def _network(
    model: str, scale: int, official: str | None, device: torch.device | str
) -> tuple[Path, Network]:
    path = Path(model)
    if not _names_file(path):
        name, stated = _split(model)
        path = shipped.find(name, stated or scale)
    elif official is not None and path.is_file() and _card(path) is None:
        return path, load_official(path, backbone=official, scale=scale, device=device)
    return path, load(path, device=device)


def _stated_scale(model: str) -> int | None:
    """What a shipped network's name or a file of ours says."""
    if not _names_file(Path(model)):
        return _split(model)[1]
    card = _card(Path(model))
    return card.scale if card else None


def _names_file(path: Path) -> bool:
    """Whether a user means a file, there or not, rather than a shipped network."""
    return path.is_file() or len(path.parts) > 1 or path.suffix in WEIGHTS_SUFFIXES


def _split(name: str) -> tuple[str, int | None]:
    """``edsr-x4`` is ``edsr`` at 4."""
    match = re.fullmatch(r"(.+)-x(\d)", name)
    return (match[1], int(match[2])) if match else (name, None)


def _card(path: Path) -> Card | None:
    """The card of a file, if it is one of the project's own."""
    try:
        with safe_open(path, framework="np") as file:
            return Card.from_json((file.metadata() or {})[METADATA_KEY])
    except (SafetensorError, OSError, KeyError, ValueError):
        return None
