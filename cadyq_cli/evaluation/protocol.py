"""A network's output on a test image, made and compared as the papers do."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from cadyq_cli.checkpoint import Network
from cadyq_cli.evaluation.metrics import psnr, ssim
from cadyq_cli.evaluation.pairs import Pair
from cadyq_cli.imaging.colour import luma
from cadyq_cli.imaging.pixels import from_planes, to_planes
from cadyq_cli.imaging.resize import imresize
from cadyq_cli.imaging.tiles import Span, Tile, official_spans, spans

Pixels = NDArray[np.uint8]
Widths = dict[str, NDArray[np.uint8]]  # site -> width of each patch, shape (patches,)


@dataclass(frozen=True, kw_only=True, slots=True)
class Patches:
    """How an image is cut; with edge 0 it is one patch."""

    edge: int = 0  # px of the input
    step: int = 90  # px from one patch to the next
    stretched: bool = False  # the last patch reaches the edge of the image, as in the released code

    def __post_init__(self) -> None:
        if self.edge and not 0 < self.step <= self.edge:
            raise ValueError(f"patches of {self.edge} px leave gaps at a step of {self.step} px")

    def cut(self, height: int, width: int) -> list[Tile]:
        """The patches of an image, row by row."""
        columns = self._spans(width)
        return [Tile(row, column) for row in self._spans(height) for column in columns]

    def _spans(self, length: int) -> Sequence[Span]:
        if not self.edge:
            return [Span(0, length, 0, length)]
        if self.stretched:
            return official_spans(length, self.edge, self.step)
        return spans(length, self.edge, self.edge - self.step)


class Enlarger(Protocol):
    """What can be evaluated."""

    def __call__(self, image: Pixels, patches: Patches) -> tuple[Pixels, Widths]:
        """Enlarge RGB pixels (H, W, 3), and tell the widths of each patch, if there are any."""


@dataclass(frozen=True, slots=True)
class Bicubic:
    """MATLAB's `imresize`, the baseline. It has no patches."""

    scale: int

    def __call__(self, image: Pixels, patches: Patches) -> tuple[Pixels, Widths]:
        return imresize(image, self.scale), {}


@dataclass(frozen=True, slots=True)
class Enlarging:
    """A network, on the device that holds it, one patch at a time."""

    network: Network

    def __call__(self, image: Pixels, patches: Patches) -> tuple[Pixels, Widths]:
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


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """How an enlarged image is compared with its truth."""

    border: int  # px left out at each edge
    rgb: bool = False  # on all three channels; otherwise on luma

    def __call__(self, image: Pixels, pair: Pair) -> tuple[float, float]:
        """PSNR in dB and SSIM."""
        planes = [pixels if self.rgb else luma(pixels) for pixels in (image, pair.truth)]
        return psnr(*planes, border=self.border), ssim(*planes, border=self.border)


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """What came out for one image."""

    name: str
    size: tuple[int, int]  # height and width of the truth, px
    psnr: float  # dB
    ssim: float
    widths: Widths

    @property
    def average_bits(self) -> float | None:
        """Mean width over all sites and patches, the paper's FAB; None for a float network."""
        if not self.widths:
            return None
        return float(np.mean([bits.mean() for bits in self.widths.values()]))


def measure(
    enlarge: Enlarger, name: str, pair: Pair, *, patches: Patches, compare: Comparison
) -> Measured:
    """Enlarge a test image and compare it."""
    image, widths = enlarge(pair.small, patches)
    psnr_, ssim_ = compare(image, pair)
    height, width, _ = pair.truth.shape
    return Measured(name=name, size=(height, width), psnr=psnr_, ssim=ssim_, widths=widths)
