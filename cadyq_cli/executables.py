"""Networks and weights files made ready to run, without torch where a file holds a program."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cadyq_cli.checkpoint.agreement import check_alike
from cadyq_cli.checkpoint.stored import read
from cadyq_cli.engine.checking import checked
from cadyq_cli.engine.executor import Executable
from cadyq_cli.engine.kernels import Kernels
from cadyq_cli.engine.reach import reach_of
from cadyq_cli.errors import CheckpointError, UncompilableError

if TYPE_CHECKING:
    from cadyq_cli.checkpoint.network import Network


def load_executable(path: Path | str, kernels: Kernels, *, threads: int = 1) -> Executable:
    """Make a weights file ready to run; needs torch only if there is no program in it.

    `threads` are as for `Executable`.

    Raises:
        CheckpointError: as for `checkpoint.load`, or its program does not fit its tensors.
        UncompilableError: it holds no program, and none can be made.
    """
    path = Path(path)
    stored = read(path)
    try:
        if stored.program is not None:
            check_alike(stored.card, stored.program)
            return Executable(
                stored.program, stored.arrays, kernels, threads=threads, name=str(path)
            )
        from cadyq_cli.checkpoint.file import rebuilt

        executable = executable_of(rebuilt(stored), kernels, threads=threads)
        executable.name = str(path)
        return executable
    except ValueError as error:
        raise CheckpointError(path, str(error)) from error


def executable_of(network: Network, kernels: Kernels, *, threads: int = 1) -> Executable:
    """Compile a trained network; an EDSR with its tail composed, which only saves time.

    `threads` are as for `Executable`.

    Raises:
        UncompilableError: it does something that no step stands for.
    """
    from cadyq_cli.checkpoint.arrays import coded_arrays
    from cadyq_cli.edges.composing import with_composed_tail
    from cadyq_cli.engine.compile import compile_network

    network = with_composed_tail(network)
    program = compile_network(network.backbone, scale=network.card.scale)
    try:
        return Executable(program, coded_arrays(network.backbone), kernels, threads=threads)
    except ValueError as error:
        raise UncompilableError(f"the kernels cannot run it: {error}") from error


def load_network(path: Path | str, device: str) -> Network:
    """Rebuild a network for PyTorch to run in several threads.

    Its program is looked at now. To trace a network later, for how far it reaches, would disturb
    the threads in which networks run already.

    Raises:
        CheckpointError: as for `checkpoint.load`.
    """
    from cadyq_cli.checkpoint.file import rebuilt

    path = Path(path)
    stored = read(path)
    try:
        if stored.program is not None:
            check_alike(stored.card, stored.program)
            checked(stored.program, stored.arrays)
        network = rebuilt(stored).to(device)
    except ValueError as error:
        raise CheckpointError(path, str(error)) from error
    network.reach = (
        network.reach
        if stored.program is None
        else reach_of(stored.program, network.backbone.state_dict())
    )
    network.name = str(path)
    return network
