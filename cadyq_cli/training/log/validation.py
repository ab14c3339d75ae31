"""How good a network is while it trains: what `cadyq eval --patch 96` will say of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from cadyq_cli.bitmaps.measuring import bit_map
from cadyq_cli.bitmaps.views import View
from cadyq_cli.degradations.degradation import Degradation
from cadyq_cli.evaluation.enlargers import NetworkEnlarger
from cadyq_cli.evaluation.metrics import psnr_y
from cadyq_cli.evaluation.pairs import Source
from cadyq_cli.evaluation.protocol import Patches
from cadyq_cli.imaging.files import write
from cadyq_cli.imaging.picture import Picture
from cadyq_cli.networks.network import Network
from cadyq_cli.upscaling import mean_width

PATCH = 96  # low-resolution pixels a side, each with widths of its own
FINER = 4  # steps between a patch and the next, in the picture


class Validation:
    """A few images at full size and shrunk, and maybe degraded, kept in memory.

    Raises:
        ImageError: one cannot be read.
    """

    def __init__(
        self,
        files: Sequence[Path],
        scale: int,
        degradation: Degradation = Degradation(),  # noqa: B008, immutable
    ) -> None:
        self._scale = scale
        self._names = [file.name for file in files]
        sources = [Source(file, None) for file in files]
        self._pairs = [each.load(scale).degraded(degradation, each.name) for each in sources]

    def __call__(self, network: Network) -> tuple[float, float | None]:
        """Mean PSNR in dB (luma, border of `scale` pixels) and, if quantized, mean average bits."""
        enlarger = NetworkEnlarger(network.eval())
        ratios, bits = [], []
        for pair in self._pairs:
            output, widths = enlarger.enlarge(pair.small, Patches(size=PATCH))
            ratios.append(psnr_y(output, pair.truth, border=self._scale))
            if (mean := mean_width(widths)) is not None:
                bits.append(mean)
        mean_bits = sum(bits) / len(bits) if bits else None
        return sum(ratios) / len(ratios), mean_bits

    def draw(self, network: Network, path: Path, *, model: str) -> None:
        """Write a picture of where the bits of the first image go.

        Raises:
            ImageError: it cannot be written.
        """
        picture = Picture(pixels=self._pairs[0].small)
        found, pixels = bit_map(
            network.eval(), picture, file=self._names[0], model=model, finer=FINER
        )
        figure = np.asarray(View().draw(pixels, found))
        write(path, Picture(pixels=figure), overwrite=True)
