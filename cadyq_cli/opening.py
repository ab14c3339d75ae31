"""Makes networks ready to run, on what this machine computes with best."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from cadyq_cli.checkpoint import shipped
from cadyq_cli.engine.devices import CPU, device_named
from cadyq_cli.engine.native.kernels import NativeKernels
from cadyq_cli.engine.native.library import NativeUnavailable
from cadyq_cli.errors import InputError, UncompilableError

if TYPE_CHECKING:
    from cadyq_cli.checkpoint import Network
    from cadyq_cli.engine.runner import Runner

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
        tell: Callable[[str], object] = lambda _: None,
    ) -> None:
        """Find out what there is to compute with.

        Args:
            engine: "int8" for the project's own kernels, which compute with whole numbers on the
                CPU; "float" for PyTorch, which imitates that; "auto" for the kernels, unless there
                is a GPU to use or they do not run here.
            device: See `device_named`.
            threads: To compute with, in all; 0 takes one for each core.
            tell: Is told, in a line, if "auto" has to do without the kernels.

        Raises:
            InputError: this machine does not have what is asked for.
        """
        if engine not in ENGINES:
            raise InputError(f"no engine {engine!r}; choose from {', '.join(ENGINES)}")
        if engine == "int8" and device not in ("auto", CPU):
            raise InputError(f"`engine` int8 computes on the CPU, not on `device` {device}")
        self._device = CPU if engine == "int8" else device_named(device)
        self._threads = threads or _cores()
        self._insists, self._tell = engine == "int8", tell
        self._kernels = None
        if engine == "float" or self._device != CPU:
            return
        try:
            self._kernels = NativeKernels()
        except NativeUnavailable as reason:
            if engine == "int8":
                hint = "`engine` float works anywhere"
                raise InputError(f"`engine` int8: {reason}; {hint}") from reason
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
            CheckpointError: see `checkpoint.load`.
            InputError: no such network is shipped.
        """
        path = shipped.locate(str(path))
        if self._kernels is not None:
            from cadyq_cli.executables import load_executable

            try:
                return load_executable(path, self._kernels, threads=self._share(images))
            except UncompilableError as reason:
                self._do_without(reason, str(path))
        from cadyq_cli.executables import load_network

        return load_network(path, self._device)

    def adopt(self, network: Network, *, images: int = 1) -> Runner:
        """The same for a network that is loaded already."""
        if self._kernels is not None:
            from cadyq_cli.executables import executable_of

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


def _cores() -> int:
    """Those that this process may use, or as many as other programs are told to use."""
    told = os.environ.get("OMP_NUM_THREADS", "")
    if told.isdigit() and int(told):
        return int(told)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
