"""The engine computes from the authors' own checkpoints what their released code computes."""

from __future__ import annotations

import numpy as np
import torch
from reference_kernels import ReferenceKernels

from cadyq_cli.opening import executable_of

from .conftest import Recording

STEP_OF_255 = 2e-2  # what summation order may move a pixel by


def test_the_engine_gives_the_widths_and_the_output_of_the_released_code(
    inference: Recording,
) -> None:
    executable = executable_of(inference.network("cadyq"), ReferenceKernels())
    results = [executable.run(image.permute(1, 2, 0).numpy()) for image in inference.image]
    chosen = torch.tensor([[c.bits for c in result.choices.values()] for result in results])
    assert torch.equal(chosen, inference.tensors["cadyq.bits_per_layer"])
    output = np.stack([result.pixels for result in results])
    error = np.abs(output * 255 - inference.tensors["cadyq.sr"].permute(0, 2, 3, 1).numpy())
    assert np.median(error) < STEP_OF_255 / 10, error.max()
    assert error.max() < STEP_OF_255, error.max()
