"""A test image enlarged and compared with its truth, as the papers do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from cadyq_cli.degradations.degradation import Degradation
from cadyq_cli.errors import ImageError
from cadyq_cli.evaluation.metrics import psnr, ssim
from cadyq_cli.evaluation.pairs import Pair, Source
from cadyq_cli.imaging.colour import luma
from cadyq_cli.imaging.tiles import Span, Tile, official_spans, spans
from cadyq_cli.upscaling import mean_width

Pixels = NDArray[Any]
Widths = dict[str, NDArray[np.uint8]]  # site -> width of each patch, shape (patches,)


@dataclass(frozen=True, kw_only=True, slots=True)
class Patches:
    """How an image is cut for a network, each patch getting widths of its own.

    Raises:
        ValueError: a stride that leaves gaps.
    """

    size: int = 0  # px of the input; 0: the image is one patch
    stride: int = 90  # px from one patch to the next
    stretched: bool = False  # the last patch reaches the edge of the image, as in the released code

    def __post_init__(self) -> None:
        if self.size and not 0 < self.stride <= self.size:
            raise ValueError(
                f"patches of {self.size} px leave gaps at a stride of {self.stride} px"
            )

    def cut(self, height: int, width: int) -> list[Tile]:
        """The patches of an image, row by row."""
        columns = self._spans(width)
        return [Tile(row, column) for row in self._spans(height) for column in columns]

    def _spans(self, length: int) -> Sequence[Span]:
        if not self.size:
            return [Span(0, length, 0, length)]
        if self.stretched:
            return official_spans(length, self.size, self.stride)
        return spans(length, self.size, self.size - self.stride)


class Enlarger(Protocol):
    """What can be evaluated."""

    def load(self, source: Source) -> Pair:
        """A test image in the form that this one enlarges."""

    def enlarge(self, image: Pixels, patches: Patches) -> tuple[Pixels, Widths]:
        """Enlarge a small image; with the widths of each patch, if any were chosen."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """How an enlarged image is compared with its truth.

    The papers of the field, and the released code of CADyQ, compare luma in fractions. MATLAB's
    `rgb2ycbcr` of an 8-bit image rounds it to whole values, which costs about 0.01 dB.
    """

    border: int  # px left out at each edge
    rgb: bool = False  # on all three channels; otherwise on luma
    whole_luma: bool = False  # round luma

    def __call__(self, image: Pixels, truth: Pixels) -> tuple[float, float]:
        """PSNR in dB and SSIM of RGB pixels (H, W, 3), or of luma planes (H, W)."""
        a, b = self._compared(image), self._compared(truth)
        return psnr(a, b, border=self.border), ssim(a, b, border=self.border)

    def _compared(self, image: Pixels) -> Pixels:
        if image.ndim == 2:
            return np.rint(image).clip(0, 255)
        if self.rgb:
            return image
        return np.rint(luma(image)) if self.whole_luma else luma(image)


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
        """Mean width over all sites and patches, the paper's FAB; None if nothing has a width."""
        return mean_width(self.widths)


def measure(
    enlarger: Enlarger,
    source: Source,
    *,
    patches: Patches,
    compare: Comparison,
    degradation: Degradation = Degradation(),  # noqa: B008, immutable
) -> Measured:
    """Enlarge a test image and compare it.

    What the degradation does to a small image depends on its name, so it is the same for all.

    Raises:
        ImageError: see `Source.load`; or the image is too small to be compared.
    """
    pair = enlarger.load(source).degraded(degradation, source.name)
    image, widths = enlarger.enlarge(pair.small, patches)
    try:
        decibels, similarity = compare(image, pair.truth)
    except ValueError as error:
        raise ImageError(source.truth, str(error)) from error
    height, width = pair.truth.shape[:2]
    return Measured(
        name=source.name, size=(height, width), psnr=decibels, ssim=similarity, widths=widths
    )
