"""One training at a time in a run's folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cadyq_cli.errors import FileError

try:
    import fcntl
except ImportError:  # Windows, where nothing is locked
    fcntl = None  # type: ignore[assignment]

LOCK = ".lock"


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Keep other trainings out of a folder, until the context or the process ends.

    Where the system or the file system knows no locks, nothing is kept out.

    Raises:
        FileError: another training is at work there, or the file to lock cannot be made.
    """
    if fcntl is None:
        yield
        return
    try:
        file = (folder / LOCK).open("ab")
    except OSError as error:
        raise FileError(folder, f"cannot be written to: {error.strerror or error}") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            reason = "another training is at work in this folder"
            raise FileError(folder, reason, hint="wait for its end, or use a new folder") from error
        except OSError:
            pass  # this file system knows no locks
        yield
