"""Decoded images, kept: in memory as far as it reaches, beyond that in a file without a name."""

from __future__ import annotations

import tempfile
import weakref
from collections.abc import Callable, Hashable
from pathlib import Path
from threading import Lock
from typing import IO

import numpy as np
from numpy.typing import NDArray

from cadyq_cli.errors import FileError

Pixels = NDArray[np.uint8]

MEMORY = 4 * 2**30  # bytes


class Store:
    """Holds whatever it was asked for once.

    The file is mapped, so the system keeps in memory what fits; it vanishes with the process, even
    one that is killed.

    Args:
        memory: Bytes to hold in memory.
        folder: Where to make the file; None: where the system has its temporary files.
    """

    def __init__(self, memory: int = MEMORY, folder: Path | None = None) -> None:
        self._left = memory
        self._folder = folder
        self._file: IO[bytes] | None = None
        self._images: dict[Hashable, Pixels] = {}
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
        return self._images[key]

    def _kept(self, image: Pixels) -> Pixels:
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
            return np.memmap(self._file, np.uint8, "r", start, image.shape)
        except OSError as error:
            where = self._folder or Path(tempfile.gettempdir())
            hint = "more --memory needs less of it"
            reason = f"cannot hold decoded images: {error.strerror or error}"
            raise FileError(where, reason, hint=hint) from error
