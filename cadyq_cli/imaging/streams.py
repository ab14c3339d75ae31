"""Images that come from standard input or go to standard output, both called "-", or are files."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
from numpy.typing import DTypeLike

from cadyq_cli.atomic import replacing
from cadyq_cli.imaging import files
from cadyq_cli.imaging.decoding import decode
from cadyq_cli.imaging.files import naming
from cadyq_cli.imaging.formats import Format
from cadyq_cli.imaging.layout import Put
from cadyq_cli.imaging.limits import MAX_PIXELS
from cadyq_cli.imaging.metadata import Metadata
from cadyq_cli.imaging.picture import Picture

STREAM = Path("-")  # standard input as a source, standard output as a target
_IN_MEMORY = 1 << 26  # bytes of a result for standard output; a longer one waits on disk


def read(source: Path, *, max_pixels: int = MAX_PIXELS) -> Picture:
    """Read an image; errors as for `files.read`."""
    if source != STREAM:
        return files.read(source, max_pixels=max_pixels)
    data = BytesIO(sys.stdin.buffer.read())
    return decode(data, "standard input", max_pixels=max_pixels)


def name_of(target: Path) -> str:
    """What to call a target when talking to people."""
    return "standard output" if target == STREAM else str(target)


def exists(target: Path) -> bool:
    """Whether a result is there already; standard output never is.

    Raises:
        ImageError: there cannot be a file of this name.
    """
    with naming(target):
        return target != STREAM and target.exists()


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
