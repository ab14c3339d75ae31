"""How good a network is while it trains: PSNR on luma and average bits over whole images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray

from cadyq_cli.checkpoint.network import Network
from cadyq_cli.evaluation.metrics import psnr_y
from cadyq_cli.imaging.files import read
from cadyq_cli.imaging.pixels import from_planes, to_planes
from cadyq_cli.imaging.resize import crop_to_multiple, imresize


class Validation:
    """A few images at full size and shrunk, kept in memory."""

    def __init__(self, files: Sequence[Path], scale: int) -> None:
        self._scale = scale
        self._truths: list[NDArray[Any]] = [
            crop_to_multiple(read(file).pixels, scale) for file in files
        ]
        self._inputs = [imresize(truth, 1 / scale) for truth in self._truths]

    @torch.no_grad()
    def __call__(self, network: Network) -> tuple[float, float | None]:
        """Mean PSNR in dB (luma, border of `scale` pixels) and, if quantized, mean average bits."""
        device = next(network.parameters()).device
        network.eval()
        ratios, bits = [], []
        for image, truth in zip(self._inputs, self._truths, strict=True):
            output, trace = network(torch.from_numpy(to_planes(image)).to(device))
            ratios.append(psnr_y(from_planes(output.cpu().numpy())[0], truth, border=self._scale))
            if trace.choices:
                bits.append(float(trace.average_bits()))
        mean_bits = sum(bits) / len(bits) if bits else None
        return sum(ratios) / len(ratios), mean_bits
