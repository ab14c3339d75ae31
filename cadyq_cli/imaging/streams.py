"""Images that come from standard input or go to standard output, both called "-", or are files."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
from numpy.typing import DTypeLike

from cadyq_cli.atomic import replacing
from cadyq_cli.imaging import files
from cadyq_cli.imaging.decoding import decode
from cadyq_cli.imaging.files import naming
from cadyq_cli.imaging.following import is_followed
from cadyq_cli.imaging.formats import Format
from cadyq_cli.imaging.layout import Put
from cadyq_cli.imaging.limits import MAX_PIXELS
from cadyq_cli.imaging.metadata import Metadata
from cadyq_cli.imaging.picture import Picture

STREAM = Path("-")  # standard input as a source, standard output as a target
_INPUTS = ("/dev/stdin", "/dev/fd/0", "/proc/self/fd/0")
_OUTPUTS = ("/dev/stdout", "/dev/fd/1", "/proc/self/fd/1")
_IN_MEMORY = 1 << 26  # bytes of a result for standard output; a longer one waits on disk


def read(source: Path, *, max_pixels: int = MAX_PIXELS) -> Picture:
    """Read an image; errors as for `files.read`. A note tells of another one behind it."""
    with naming(source, "read"):
        is_file = not is_stream(source)
    if is_file:
        return files.read(source, max_pixels=max_pixels)
    if source == STREAM:
        name, data = "standard input", sys.stdin.buffer.read()
    else:
        name = str(source)
        with naming(source, "read"):
            data = source.read_bytes()
    picture = decode(BytesIO(data), name, max_pixels=max_pixels)
    if is_followed(data):
        note = "goes on with another picture, which is not used"
        picture = replace(picture, notes=(*picture.notes, note))
    return picture


def is_stream(source: Path) -> bool:
    """Whether a source can be read once only, from its start on: a pipe, a terminal, a device."""
    return source == STREAM or source.is_fifo() or source.is_char_device()


def source_named(path: Path) -> Path:
    """A source, or `STREAM` if it is one of the system's names of standard input."""
    return STREAM if path.as_posix() in _INPUTS else path


def target_named(name: str) -> str:
    """The name of a target, or that of `STREAM` for the system's names of standard output."""
    return str(STREAM) if name in _OUTPUTS else name


def name_of(target: Path) -> str:
    """What to call a target when talking to people."""
    return "standard output" if target == STREAM else str(target)


def exists(target: Path) -> bool:
    """Whether a result is there already; standard output never is.

    Raises:
        ImageError: there cannot be a file of this name.
    """
    with naming(target):
        return target != STREAM and files.is_there(target)


def make_folder(target: Path) -> None:
    """Make the folder of a result, and see that files can be written there.

    Raises:
        ImageError: the system refuses.
    """
    if target == STREAM:
        return
    folder = target.parent
    with naming(folder, "made"):
        folder.mkdir(parents=True, exist_ok=True)
    with naming(folder, "written to"), tempfile.TemporaryFile(dir=folder):
        pass


@contextmanager
def whole(target: Path) -> Iterator[BinaryIO]:
    """A seekable file whose content reaches the target at the end, or never if anything fails.

    Raises:
        ImageError: the system refuses.
    """
    if target != STREAM:
        with naming(target), replacing(target) as file:
            yield file
        return
    with tempfile.SpooledTemporaryFile(_IN_MEMORY) as spool:
        buffer = cast("BinaryIO", spool)
        yield buffer
        buffer.seek(0)
        with naming(name_of(target)):
            shutil.copyfileobj(buffer, sys.stdout.buffer)
            sys.stdout.buffer.flush()


@contextmanager
def create(
    target: Path,
    file_format: Format,
    shape: tuple[int, int, int],
    dtype: DTypeLike = np.uint8,
    *,
    metadata: Metadata | None = None,
    quality: int | None = None,
) -> Iterator[Put]:
    """Write an image, replacing what is there; arguments, rows and errors as for `files.create`."""
    with (
        whole(target) as file,
        files.encode(
            file,
            file_format,
            shape,
            dtype,
            name=name_of(target),
            metadata=metadata,
            quality=quality,
        ) as put,
    ):
        yield put
