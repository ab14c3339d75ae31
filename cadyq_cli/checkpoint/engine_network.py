"""A network that the engine runs, called as if torch did."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from cadyq_cli.checkpoint.arrays import coded_arrays
from cadyq_cli.checkpoint.card import Card
from cadyq_cli.checkpoint.composing import with_composed_tail
from cadyq_cli.checkpoint.network import Network
from cadyq_cli.engine.compile import compile_network
from cadyq_cli.engine.executor import Executable, Result
from cadyq_cli.engine.kernels import Kernels
from cadyq_cli.quant.trace import Choice, Trace


def executable_of(network: Network, kernels: Kernels) -> Executable:
    """Compile a trained network; an EDSR with its tail composed, which only saves time.

    Raises:
        ValueError: it does something that no step stands for.
    """
    network = with_composed_tail(network)
    program = compile_network(network.backbone, scale=network.card.scale)
    return Executable(program, coded_arrays(network.backbone), kernels)


class EngineNetwork:
    """Enlarges images and tells which bit-width each of them got at every site, as `Network`."""

    def __init__(self, executable: Executable, card: Card) -> None:
        self.executable, self.card = executable, card

    @property
    def candidates(self) -> dict[str, tuple[int, ...]]:
        """The widths that each counted site may have, by its name; empty for a float network."""
        return self.executable.candidates

    def __call__(self, image: Tensor) -> tuple[Tensor, Trace]:
        """Enlarge a batch, one image after the other.

        Args:
            image: RGB, shape (N, 3, H, W), float, range 0..1.

        Returns:
            RGB (N, 3, H * scale, W * scale), not clipped to 0..1, and the trace, on the CPU.
        """
        patches = image.detach().float().cpu().permute(0, 2, 3, 1).numpy()
        results = [self.executable.run(patch) for patch in patches]
        output = torch.from_numpy(np.stack([result.pixels for result in results]))
        return output.permute(0, 3, 1, 2).contiguous(), self._trace(results)

    def _trace(self, results: list[Result]) -> Trace:
        trace = Trace(torch.from_numpy(np.stack([result.gradient for result in results])))
        for site in results[0].choices:
            chosen = [result.choices[site] for result in results]
            bits = torch.tensor([float(choice.bits) for choice in chosen])
            scores = _stacked([choice.scores for choice in chosen])
            spread = _stacked([choice.spread for choice in chosen])
            expected = bits
            if scores is not None:
                expected = scores.softmax(dim=1) @ torch.tensor(self.candidates[site]).float()
            trace.record(site, Choice(bits, expected, scores, spread))
        return trace


def _stacked(arrays: list[np.ndarray | None]) -> Tensor | None:
    known = [array for array in arrays if array is not None]
    return torch.from_numpy(np.stack(known)) if known else None
