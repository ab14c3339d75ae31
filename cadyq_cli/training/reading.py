"""What a layer reads while its network works."""

from __future__ import annotations

import torch
from torch import Tensor

from cadyq_cli.checkpoint.network import Network


@torch.no_grad()
def read_by(layer: str, network: Network, low: Tensor) -> tuple[Tensor, Tensor]:
    """Enlarge a batch, and watch one layer of the backbone, by its name.

    Returns:
        What the layer reads, (N, features, H, W), and what the network makes of the batch.
    """
    seen: list[Tensor] = []
    module = network.backbone.get_submodule(layer)
    hook = module.register_forward_pre_hook(lambda _, inputs: seen.extend(inputs))
    output, _ = network.eval()(low)
    hook.remove()
    return seen[0], output
