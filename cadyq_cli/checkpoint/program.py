"""The program in a weights file: what it takes to run a network without torch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from safetensors import safe_open

from cadyq_cli.checkpoint.stored import read
from cadyq_cli.engine.executor import Executable
from cadyq_cli.engine.kernels import Kernels
from cadyq_cli.engine.program import Program
from cadyq_cli.engine.reach import reach_of
from cadyq_cli.errors import CheckpointError

if TYPE_CHECKING:
    from cadyq_cli.checkpoint.network import Network

PROGRAM_KEY = "cadyq.program"  # in the metadata


def load_executable(path: Path | str, kernels: Kernels, *, threads: int = 1) -> Executable:
    """Make a weights file ready to run; needs torch only if there is no program in it.

    `threads` are as for `Executable`.

    Raises:
        CheckpointError: as for `checkpoint.load`, or its program does not fit its tensors.
    """
    path = Path(path)
    _, arrays = read(path)
    program = read_program(path)
    try:
        if program is not None:
            return Executable(program, arrays, kernels, threads=threads)
        from cadyq_cli.checkpoint.engine_network import executable_of
        from cadyq_cli.checkpoint.file import load

        return executable_of(load(path), kernels, threads=threads)
    except ValueError as error:
        raise CheckpointError(path, str(error)) from error


def load_network(path: Path | str, device: str) -> Network:
    """Rebuild a network for PyTorch to run in several threads.

    Its program is looked at now. To trace a network later, for how far it reaches, would disturb
    the threads in which networks run already.

    Raises:
        CheckpointError: as for `checkpoint.load`.
    """
    from cadyq_cli.checkpoint.file import load

    network = load(path, device=device)
    program = read_program(Path(path)) or network.program()
    network.reach = reach_of(program, network.backbone.state_dict())
    return network


def read_program(path: Path) -> Program | None:
    """The program in one of the project's weights files, if there is one.

    Raises:
        CheckpointError: there is one that cannot be understood.
    """
    with safe_open(path, framework="np") as file:
        text = (file.metadata() or {}).get(PROGRAM_KEY)
    try:
        return None if text is None else Program.from_json(text)
    except ValueError as error:
        raise CheckpointError(path, str(error)) from error
