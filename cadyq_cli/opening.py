"""Makes networks ready to run, on what this machine computes with best.

That is the engine wherever it can; a file that holds a program is opened for it without torch.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from cadyq_cli.engine.checking import checked
from cadyq_cli.engine.devices import CPU, device_named
from cadyq_cli.engine.executor import Executable
from cadyq_cli.engine.kernels import Kernels
from cadyq_cli.engine.native.kernels import NativeKernels
from cadyq_cli.engine.native.library import NativeUnavailable
from cadyq_cli.engine.reach import reach_of
from cadyq_cli.errors import CheckpointError, InputError, UncompilableError
from cadyq_cli.needing_torch import require_torch
from cadyq_cli.networks import shipped
from cadyq_cli.networks.agreement import check_alike
from cadyq_cli.networks.stored import read

if TYPE_CHECKING:
    from cadyq_cli.engine.runner import Runner
    from cadyq_cli.networks import Network

ENGINES = ("auto", "int8", "float")
_USUAL_IMAGES = 4  # at a time, at most; each holds a picture
_INSTEAD = "PyTorch computes instead, several times as slowly"


class Opener:
    """Opens networks, and divides the threads between the images that are worked on at a time."""

    def __init__(
        self,
        *,
        engine: str = "auto",
        device: str = "auto",
        threads: int = 0,
        bits: float | None = None,
        exact: bool = False,
        tell: Callable[[str], object] = lambda _: None,
    ) -> None:
        """Find out what there is to compute with.

        Args:
            engine: "int8" for the project's own kernels, which compute with whole numbers on the
                CPU; "float" for PyTorch, which imitates that; "auto" for the kernels, unless there
                is a GPU to use or they do not run here.
            device: See `device_named`.
            threads: To compute with, in all; 0 takes one for each core.
            bits: Average width to aim at, by each network's dial; None: as it was trained.
            exact: Meet that in each picture, which takes three times as long and no dial.
            tell: Is told, in a line, if "auto" has to do without the kernels.

        Raises:
            InputError: this machine does not have what is asked for.
            MissingTorchError: what is asked for takes PyTorch.
        """
        if engine not in ENGINES:
            raise InputError(f"no engine {engine!r}; choose from {', '.join(ENGINES)}")
        if engine == "int8" and device not in ("auto", CPU):
            raise InputError(f"`engine` int8 computes on the CPU, not on `device` {device}")
        self._device = CPU if engine == "int8" else device_named(device)
        self._threads = threads or usable_cores()
        self._insists, self._tell = engine == "int8", tell
        self._bits, self._exact = bits, exact
        self._kernels = None
        if engine == "float" or self._device != CPU:
            require_torch(f"`engine` {engine} on `device` {self._device}")
            return
        try:
            self._kernels = NativeKernels()
        except NativeUnavailable as reason:
            if engine == "int8":
                hint = "`engine` float works anywhere"
                raise InputError(f"`engine` int8: {reason}; {hint}") from reason
            require_torch(f"{reason}: what computes instead")
            tell(f"{reason}; {_INSTEAD}")

    @property
    def usual_images(self) -> int:
        """How many images to work on at a time if there are many."""
        return min(self._threads, _USUAL_IMAGES) if self._device == CPU else 1

    def open(self, path: Path | str, *, images: int = 1) -> Runner:
        """A network to run for so many images at a time.

        Args:
            path: Of a weights file, or the name of a shipped network, such as ``edsr-x4``.
            images: That will be worked on at a time.

        Raises:
            CheckpointError: see `networks.load`.
            InputError: no such network is shipped, or it cannot have so many bits.
        """
        path = shipped.locate(str(path))
        return self._dialled(self._opened(path, images), str(path))

    def _opened(self, path: Path, images: int) -> Runner:
        if self._kernels is not None:
            try:
                return load_executable(path, self._kernels, threads=self._share(images))
            except UncompilableError as reason:
                self._do_without(reason, str(path))
        return load_network(path, self._device)

    def _dialled(self, runner: Runner, name: str) -> Runner:
        """The same network, set to the bits that are wanted."""
        if self._bits is None:
            return runner
        low, high = _average_range(runner)
        if not low < high:
            raise InputError(f"{name} chooses no widths, so `bits` cannot set it")
        if self._exact:
            if not low <= self._bits <= high:
                raise InputError(f"{name} can have {low:g} to {high:g} bit, not {self._bits:g}")
            runner.exact_bits = self._bits
        elif runner.dial is None:
            raise InputError(
                f"{name} has no dial, so `bits` needs `exact`; networks by `cadyq calibrate` and"
                " `cadyq train` have one"
            )
        else:
            try:
                runner.price = runner.dial.price(self._bits)
            except ValueError as error:
                raise InputError(f"{name}: its dial {error}, and not to {self._bits:g}") from error
        return runner

    def adopt(self, network: Network, *, images: int = 1) -> Runner:
        """The same for a network that is loaded already."""
        return self._dialled(self._adopted(network, images), "this network")

    def _adopted(self, network: Network, images: int) -> Runner:
        if self._kernels is not None:
            try:
                return executable_of(network, self._kernels, threads=self._share(images))
            except UncompilableError as reason:
                self._do_without(reason, "this network")
        return network.to(self._device)

    def _do_without(self, reason: UncompilableError, name: str) -> None:
        """Say that a network cannot run by the kernels, or refuse it where it has to.

        Raises:
            UncompilableError: the kernels were asked for.
        """
        if self._insists:
            raise UncompilableError(f"{name}: {reason}; `engine` float runs it") from reason
        self._tell(f"{name}: {reason}; {_INSTEAD}")

    def prepare(self, images: int) -> None:
        """To be called by each thread that works on one of so many images at a time."""
        if self._kernels is None:
            import torch

            torch.set_num_threads(self._share(images))

    def _share(self, images: int) -> int:
        return max(1, self._threads // images)


def _average_range(runner: Runner) -> tuple[float, float]:
    """The least and the most bits on average that a network's sites can have."""
    candidates = runner.candidates.values()
    if not candidates:
        return 32, 32
    ends = [(min(widths), max(widths)) for widths in candidates]
    low, high = (sum(each) / len(ends) for each in zip(*ends, strict=True))
    return low, high


def load_executable(path: Path | str, kernels: Kernels, *, threads: int = 1) -> Executable:
    """Make a weights file ready to run; needs torch only if there is no program in it.

    `threads` are as for `Executable`.

    Raises:
        CheckpointError: as for `networks.load`, or its program does not fit its tensors.
        MissingTorchError: it holds no program, and to make one takes PyTorch.
        UncompilableError: none can be made.
    """
    path = Path(path)
    stored = read(path)
    try:
        if stored.program is not None:
            check_alike(stored.card, stored.program)
            return Executable(
                stored.program,
                stored.arrays,
                kernels,
                threads=threads,
                name=str(path),
                difference_fit=stored.card.difference_fit,
                dial=stored.card.known_dial,
            )
        require_torch(f"{path}: a network that was not saved for the engine")
        from cadyq_cli.networks.file import rebuilt

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
    from cadyq_cli.engine.compile import compile_network
    from cadyq_cli.networks.arrays import coded_arrays
    from cadyq_cli.outer_layers.composing import with_composed_tail

    network = with_composed_tail(network)
    program = compile_network(network.backbone, scale=network.card.scale)
    try:
        return Executable(
            program,
            coded_arrays(network.backbone),
            kernels,
            threads=threads,
            difference_fit=network.difference_fit,
            dial=network.dial,
        )
    except ValueError as error:
        raise UncompilableError(f"the kernels cannot run it: {error}") from error


def load_network(path: Path | str, device: str) -> Network:
    """Rebuild a network for PyTorch to run in several threads.

    Its program is looked at now. To trace a network later, for how far it reaches, would disturb
    the threads in which networks run already.

    Raises:
        CheckpointError: as for `networks.load`.
    """
    from cadyq_cli.networks.file import rebuilt

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


def usable_cores() -> int:
    """Those that this process may use, or as many as other programs are told to use."""
    told = os.environ.get("OMP_NUM_THREADS", "")
    if told.isdigit() and int(told):
        return int(told)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
