"""A trained network, compiled for the engine."""

from __future__ import annotations

from cadyq_cli.checkpoint.arrays import coded_arrays
from cadyq_cli.checkpoint.composing import with_composed_tail
from cadyq_cli.checkpoint.network import Network
from cadyq_cli.engine.compile import compile_network
from cadyq_cli.engine.executor import Executable
from cadyq_cli.engine.kernels import Kernels


def executable_of(network: Network, kernels: Kernels, *, threads: int = 1) -> Executable:
    """Compile a trained network; an EDSR with its tail composed, which only saves time.

    `threads` are as for `Executable`.

    Raises:
        ValueError: it does something that no step stands for.
    """
    network = with_composed_tail(network)
    program = compile_network(network.backbone, scale=network.card.scale)
    return Executable(program, coded_arrays(network.backbone), kernels, threads=threads)
