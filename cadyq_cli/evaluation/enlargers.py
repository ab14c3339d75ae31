"""What can be evaluated: networks, and bicubic interpolation to compare them with."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cadyq_cli.engine.runner import Result, Runner
from cadyq_cli.errors import UncompilableError
from cadyq_cli.evaluation.complexity import Workload, workload_of
from cadyq_cli.evaluation.naming import BICUBIC
from cadyq_cli.evaluation.pairs import Pair, Source
from cadyq_cli.evaluation.protocol import Patches, Pixels, Widths
from cadyq_cli.imaging.resize import imresize
from cadyq_cli.needing_torch import require_torch
from cadyq_cli.networks.stored import is_ours, read
from cadyq_cli.self_ensemble import EVERY_ORIENTATION
from cadyq_cli.upscaling import Enlargement

if TYPE_CHECKING:
    from cadyq_cli.networks import Network
    from cadyq_cli.opening import Opener


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
    """A network, and what it costs where that is asked for."""

    runner: Runner
    file: Path | None = None  # where it came from
    workload: Workload | None = None
    self_ensemble: bool = False  # each patch in all its orientations

    def load(self, source: Source) -> Pair:
        return source.load(self.runner.scale)

    def enlarge(self, image: Pixels, patches: Patches) -> tuple[Pixels, Widths]:
        """As `protocol.Enlarger`; each view of a patch has widths of its own."""
        found: defaultdict[str, list[float]] = defaultdict(list)

        def watch(result: Result) -> None:
            for site, chosen in result.choices.items():
                found[site].append(chosen.bits)

        run = Enlargement(
            self.runner,
            image,
            patches.cut(*image.shape[:2]),
            self_ensemble=self.self_ensemble,
            watch=watch,
        )
        bands = [*run]
        return np.concatenate(bands), {
            site: np.array(bits, np.uint8) for site, bits in found.items()
        }


AnyEnlarger = Bicubic | NetworkEnlarger


def enlarger_of(
    model: str,
    file: Path | None,
    scale: int,
    opener: Opener,
    *,
    official: str | None = None,
    images: int = 1,
) -> AnyEnlarger:
    """What enlarges as a model of a name does.

    Args:
        model, file, scale: As `naming.named` tells them.
        opener: Opens networks.
        official: The backbone of files that are the authors' checkpoints.
        images: That will be worked on at a time.

    Raises:
        InputError: `official` is no backbone.
        CheckpointError: the file cannot be used.
        MissingTorchError: it takes PyTorch to read the file.
    """
    if file is None:
        return Bicubic(scale) if model == BICUBIC else LumaBicubic(scale)
    if official is not None and not is_ours(file):
        require_torch(f"{file}: an official checkpoint")
        from cadyq_cli.networks import load_official

        network = load_official(file, backbone=official, scale=scale)
        runner = opener.adopt(network, images=images)
        return NetworkEnlarger(runner, file, _workload_of_modules(network))
    runner, stored = opener.open(file, images=images), read(file)
    if stored.program is None:
        from cadyq_cli.networks import load

        return NetworkEnlarger(runner, file, _workload_of_modules(load(file)))
    return NetworkEnlarger(runner, file, workload_of(stored.program, stored.arrays))


def as_self_ensemble(model: str, enlarger: AnyEnlarger) -> tuple[str, AnyEnlarger]:
    """A network asked eight times, by its name with a "+"; interpolation as it is."""
    if not isinstance(enlarger, NetworkEnlarger):
        return model, enlarger
    workload = enlarger.workload and replace(enlarger.workload, views=len(EVERY_ORIENTATION))
    return f"{model}+", replace(enlarger, workload=workload, self_ensemble=True)


def _workload_of_modules(network: Network) -> Workload | None:
    """None if it does something that no program can tell."""
    from cadyq_cli.networks.arrays import coded_arrays

    try:
        return workload_of(network.program(), coded_arrays(network.backbone))
    except UncompilableError:
        return None
