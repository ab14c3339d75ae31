"""Keeps decoded images: in memory as long as there is room, then in a file without a name."""

from __future__ import annotations

import tempfile
import weakref
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from math import prod
from pathlib import Path
from threading import Lock
from typing import IO

import numpy as np
from numpy.typing import NDArray

from cadyq_cli.errors import FileError

Pixels = NDArray[np.uint8]

MEMORY = 4 * 2**30  # bytes


@dataclass(frozen=True, slots=True)
class _Place:
    """Where in the file an image is."""

    start: int
    shape: tuple[int, ...]

    @property
    def bytes(self) -> slice:
        return slice(self.start, self.start + prod(self.shape))


class Store:
    """Holds whatever it was asked for once.

    The file is mapped, so the system keeps in memory what fits; it vanishes with the process, even
    one that is killed.

    Args:
        memory: Bytes to hold in memory.
        folder: Where to make the file; None: where the system has its temporary files.
    """

    def __init__(self, memory: float = MEMORY, folder: Path | None = None) -> None:
        self._left = memory
        self._folder = folder
        self._file: IO[bytes] | None = None
        self._mapped: Pixels = np.empty(0, np.uint8)  # the file, or the part that was there then
        self._images: dict[Hashable, Pixels | _Place] = {}
        self._lock = Lock()

    def get(self, key: Hashable, make: Callable[[], Pixels]) -> Pixels:
        """The image of a key, which `make` makes the first time. Not to be written to.

        Raises:
            FileError: the file cannot be written.
        """
        if key not in self._images:
            made = make()
            with self._lock:
                if key not in self._images:
                    self._images[key] = self._kept(made)
        kept = self._images[key]
        return self._read(kept) if isinstance(kept, _Place) else kept

    def _kept(self, image: Pixels) -> Pixels | _Place:
        if image.nbytes <= self._left:
            self._left -= image.nbytes
            return image if image.base is None else image.copy()
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115, stays open
                weakref.finalize(self, self._file.close)
            start = self._file.seek(0, 2)
            self._file.write(np.ascontiguousarray(image).data)
            self._file.flush()
            return _Place(start, image.shape)
        except OSError as error:
            where = self._folder or Path(tempfile.gettempdir())
            hint = "with a larger `memory` fewer go there"
            reason = f"cannot hold decoded images: {error.strerror or error}"
            raise FileError(where, reason, hint=hint) from error

    def _read(self, place: _Place) -> Pixels:
        """An image in the file, all of which is one map: each map takes a file descriptor."""
        with self._lock:
            if len(self._mapped) < place.bytes.stop:
                assert self._file is not None, "there is no place without a file"
                self._mapped = np.memmap(self._file, np.uint8, "r")
            return self._mapped[place.bytes].reshape(place.shape)
