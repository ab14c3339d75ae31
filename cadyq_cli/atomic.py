"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from cadyq_cli.errors import FileError
from cadyq_cli.locking import lock

_NAME = ".cadyq-{}.part"
_NEW = 2  # seconds in which a file may have been made, but not locked yet
_ON_WINDOWS = os.name == "nt"
_PAUSES = (0.02, 0.1, 0.4, 1.0)  # seconds between tries; virus scanners open what is new


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A new file that takes the name `path` at the end, or is removed if that never comes.

    It stands in the same folder under another name, locked, until then. A file that it replaces
    hands on its permissions, where the file system knows them.

    Raises:
        OSError: as the system says.
    """
    part = path.with_name(_NAME.format(os.urandom(6).hex()))
    try:
        with part.open("xb") as file:
            with suppress(OSError):  # this file system knows no locks
                lock(file)
            yield file
        # Windows' only mode is "read only", of a file that cannot be replaced.
        if not _ON_WINDOWS and path.exists():
            with suppress(OSError):  # many a share and card knows no permissions
                shutil.copymode(path, part)
        _rename(part, path)
    except BaseException:
        with suppress(OSError):
            part.unlink()
        raise


def write_whole(path: Path, content: bytes) -> None:
    """Write a file, and the folders that it needs, so that a crash of the machine harms neither.

    Raises:
        FileError: the file cannot be written; nothing is left behind.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise FileError(path, f"cannot be written: {error.strerror or error}") from error


def remove_leftovers(folder: Path) -> None:
    """Remove the unfinished files of processes that were killed; those at work keep theirs.

    Where the file system knows no locks, nothing is removed.
    """
    for part in folder.glob(_NAME.format("*")):
        with suppress(OSError):  # it is in use, or gone
            if time.time() - part.stat().st_mtime > _NEW:
                with part.open("rb") as file:
                    lock(file)
                part.unlink()


def _rename(part: Path, path: Path) -> None:
    """Give a file its name; on Windows, where that waits for whoever has either file open.

    Raises:
        OSError: as the system says; on Windows after some tries.
    """
    for pause in _PAUSES if _ON_WINDOWS else ():
        try:
            part.replace(path)
        except PermissionError:
            time.sleep(pause)
        else:
            return
    try:
        part.replace(path)
    except PermissionError as error:
        if not (_ON_WINDOWS and path.exists()):
            raise
        reason = f"{error.strerror}, as to a file that is read-only or open in another program"
        raise PermissionError(error.errno, reason) from error
