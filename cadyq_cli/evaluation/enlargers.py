"""What can be evaluated: networks, and bicubic interpolation to compare them with."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open

from cadyq_cli.checkpoint import Card, Network, load, load_official, shipped
from cadyq_cli.checkpoint.stored import METADATA_KEY
from cadyq_cli.errors import InputError
from cadyq_cli.evaluation.pairs import Pair, Source
from cadyq_cli.evaluation.protocol import Patches, Pixels, Widths
from cadyq_cli.imaging.pixels import from_planes, to_planes
from cadyq_cli.imaging.resize import imresize

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
    """A network, on the device that holds it, one patch at a time."""

    network: Network
    file: Path | None = None  # where it came from

    def load(self, source: Source) -> Pair:
        return source.load(self.network.card.scale)

    def enlarge(self, image: Pixels, patches: Patches) -> tuple[Pixels, Widths]:
        scale = self.network.card.scale
        device = next(self.network.parameters()).device
        height, width, channels = image.shape
        result = np.empty((height * scale, width * scale, channels), np.uint8)
        widths: defaultdict[str, list[int]] = defaultdict(list)
        with torch.inference_mode():
            for patch in patches.cut(height, width):
                planes = torch.from_numpy(to_planes(image[patch.read()]))
                output, trace = self.network(planes[None].to(device))
                pixels = from_planes(output[0].cpu().numpy())
                result[patch.owned(scale)] = pixels[patch.inner(scale)]
                for site, bits in trace.bits.items():
                    widths[site].append(int(bits))
        return result, {site: np.array(bits, np.uint8) for site, bits in widths.items()}


AnyEnlarger = Bicubic | NetworkEnlarger


def find(
    models: Sequence[str],
    *,
    scale: int | None = None,
    official: str | None = None,
    device: torch.device | str = "cpu",
) -> tuple[int, dict[str, AnyEnlarger]]:
    """The models that a user names, and their common scale.

    Args:
        models: Each is ``bicubic`` or ``bicubic-luma``, a shipped network such as ``edsr`` or
            ``edsr-x2``, or a file. None at all: bicubic and every shipped network of the scale.
        scale: None: what the models say, else 4.
        official: The backbone of those files that are the authors' checkpoints.
        device: Where networks go.

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
        found[model] = NetworkEnlarger(network, path)
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
