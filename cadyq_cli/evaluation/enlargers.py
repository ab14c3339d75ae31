"""What can be evaluated: networks, and bicubic interpolation to compare them with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cadyq_cli.engine.runner import Runner
from cadyq_cli.evaluation.naming import BICUBIC
from cadyq_cli.evaluation.pairs import Pair, Source
from cadyq_cli.evaluation.protocol import Patches, Pixels, Widths
from cadyq_cli.imaging.resize import imresize
from cadyq_cli.networks import Network, load, load_official
from cadyq_cli.networks.stored import is_ours
from cadyq_cli.upscaling import Enlargement


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


def enlarger_of(
    model: str,
    file: Path | None,
    scale: int,
    *,
    official: str | None = None,
    adopt: Callable[[Network], Runner] | None = None,
) -> AnyEnlarger:
    """What enlarges as a model of a name does.

    Args:
        model, file, scale: As `naming.named` tells them.
        official: The backbone of files that are the authors' checkpoints.
        adopt: Gives what runs a network; None: torch.

    Raises:
        InputError: `official` is no backbone.
        CheckpointError: the file cannot be used.
    """
    if file is None:
        return Bicubic(scale) if model == BICUBIC else LumaBicubic(scale)
    if official is not None and not is_ours(file):
        network = load_official(file, backbone=official, scale=scale)
    else:
        network = load(file)
    return NetworkEnlarger(network, file, adopt(network) if adopt else None)
