"""A network's tensors as numpy arrays, those that are rounded as whole codes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from cadyq_cli.engine.folding import STEP_SUFFIX
from cadyq_cli.quant.layers import coded_weights


def plain_arrays(backbone: nn.Module) -> dict[str, NDArray[Any]]:
    """All tensors as they are trained."""
    return {name: _array(tensor) for name, tensor in backbone.state_dict().items()}


def coded_arrays(backbone: nn.Module) -> dict[str, NDArray[Any]]:
    """All tensors; weights that are rounded as int8 codes (``NAME``) and steps (``NAME.step``)."""
    arrays = plain_arrays(backbone)
    for name, codes, step in coded_weights(backbone):
        arrays[name] = _array(codes).astype(np.int8)
        arrays[name + STEP_SUFFIX] = _array(step).astype(np.float32)
    return arrays


def _array(tensor: Tensor) -> NDArray[Any]:
    array: NDArray[Any] = tensor.detach().cpu().numpy()
    return array
