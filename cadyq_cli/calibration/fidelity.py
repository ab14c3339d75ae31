"""How near a quantized network stays to its float one, and what that will cost."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from cadyq_cli.calibration.crops import Crops
from cadyq_cli.networks.network import Network

_LUMA = (0.257, 0.504, 0.098)  # BT.601, of R, G, B; what the papers' PSNR looks at
SMALLEST = 255.0**-2 / 12  # mean square error of rounding to 8 bit, that any picture has
BATCH = 8


class Fidelity(NamedTuple):
    """On crops that nothing was fitted to."""

    psnr: float  # dB, between the two networks' results, RGB
    expected_loss: float  # dB of luma PSNR that it takes off, on average
    bits: float  # mean width


@torch.no_grad()
def enlarged(network: Network, low: Tensor) -> tuple[Tensor, Tensor]:
    """A network's results, clipped to 0..1, and the average width of each, 32 in float."""
    results, bits = [], []
    for batch in low.split(BATCH):
        result, trace = network(batch)
        results.append(result.clamp(0, 1))
        counted = trace.average_bits() if trace.choices else batch.new_full((len(batch),), 32)
        bits.append(counted)
    return torch.cat(results), torch.cat(bits)


def fidelity(network: Network, crops: Crops, exact: Tensor) -> Fidelity:
    """Compare a network with what its float one makes of the same crops.

    The truth is not known, but pictures that were shrunk tell how wrong the float network is
    itself: by ``m`` in the mean square. An error ``e`` of rounding has nothing to do with that one,
    so it takes ``10 log10(1 + e / m)`` dB off a picture. A network of scale 1 is taken to be as
    wrong as it changes pictures.
    """
    result, bits = enlarged(network, crops.low)
    rounding = (result - exact).square().mean()
    added, wrong = (
        _by_picture(_luma(difference).square().mean((1, 2)), crops.picture)
        for difference in (result - exact, exact - crops.high)
    )
    loss = 10 * torch.log10(1 + added / wrong.clamp_min(SMALLEST)).mean()
    psnr = -10 * torch.log10(rounding.clamp_min(1e-10))
    return Fidelity(float(psnr), float(loss), float(bits.mean()))


def _by_picture(values: Tensor, picture: Tensor) -> Tensor:
    """The mean of the crops of each picture."""
    return torch.stack([values[picture == i].mean() for i in picture.unique()])


def _luma(image: Tensor) -> Tensor:
    return (image * image.new_tensor(_LUMA).view(3, 1, 1)).sum(1)
