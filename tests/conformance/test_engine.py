"""The engine computes from the authors' own checkpoints what their released code computes."""

from __future__ import annotations

import torch

from cadyq_cli.checkpoint.engine_network import EngineNetwork, executable_of
from cadyq_cli.engine.reference import ReferenceKernels

from .conftest import Recording

STEP_OF_255 = 2e-2  # what summation order may move a pixel by


def test_the_engine_gives_the_widths_and_the_output_of_the_released_code(
    inference: Recording,
) -> None:
    network = inference.network("cadyq")
    engine = EngineNetwork(executable_of(network, ReferenceKernels()), network.card)
    output, trace = engine(inference.image)
    chosen = torch.stack(list(trace.bits.values()), dim=1)
    assert torch.equal(chosen.long(), inference.tensors["cadyq.bits_per_layer"])
    error = (output * 255 - inference.tensors["cadyq.sr"]).abs()
    assert float(error.median()) < STEP_OF_255 / 10, error.max()
    assert float(error.max()) < STEP_OF_255, error.max()
