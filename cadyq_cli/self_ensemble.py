"""A network asked eight times: an image turned and mirrored in every way, the answers averaged."""

from __future__ import annotations

import torch
from torch import Tensor

from cadyq_cli.checkpoint import Network


def ensembled(network: Network, image: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    """The mean over the eight orientations of an image, of the results and of the widths.

    Args:
        network: Enlarges the image; its cost is paid eight times.
        image: RGB, shape (N, 3, H, W), float, range 0..1.

    Returns:
        RGB (N, 3, H * scale, W * scale), not clipped, and the mean widths (N,) of each site.

    Source: R. Timofte et al., "Seven ways to improve example-based single image super resolution",
    2016, section 2.4; results of EDSR's paper marked with a "+".
    """
    outputs, widths = [], []
    for turns in range(4):
        for mirrored in (False, True):
            view = image.rot90(turns, (2, 3))
            output, trace = network(view.flip(3) if mirrored else view)
            output = output.flip(3) if mirrored else output
            outputs.append(output.rot90(-turns, (2, 3)))
            widths.append(trace.bits)
    mean_widths = {
        site: torch.stack([view[site].float() for view in widths]).mean(dim=0) for site in widths[0]
    }
    return torch.stack(outputs).mean(dim=0), mean_widths
