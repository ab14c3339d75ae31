"""Image files: read into pictures, and written all or nothing."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import DTypeLike

from cadyq_cli.atomic import replacing
from cadyq_cli.errors import ImageError
from cadyq_cli.imaging.decoding import decode
from cadyq_cli.imaging.fitting import check_fits, stated_by
from cadyq_cli.imaging.formats import Format, format_of
from cadyq_cli.imaging.layout import Layout, Put
from cadyq_cli.imaging.limits import MAX_PIXELS
from cadyq_cli.imaging.metadata import Metadata
from cadyq_cli.imaging.picture import Picture
from cadyq_cli.imaging.pixels import to_8_bits
from cadyq_cli.imaging.windows_names import check_name

_ROWS = 64  # of a picture that are put at a time


def read(path: Path, *, max_pixels: int = MAX_PIXELS) -> Picture:
    """Read an image file; see `decode`.

    Raises:
        ImageError: the file is missing, unreadable, or `decode` refuses it.
    """
    with naming(path, "read"), path.open("rb") as file:
        return decode(file, str(path), max_pixels=max_pixels)


def check_place(path: Path, *, overwrite: bool, coming: Path | None = None) -> None:
    """Raise before any work is done if `create` would refuse to write a file there.

    Args:
        path: The file's name.
        overwrite: Whether it may replace another one.
        coming: A folder that will have been made by then.

    Raises:
        InputError: the suffix is not that of a known format.
        ImageError: see `check_name` and `check_free`, or there is no such folder.
    """
    format_of(path)
    check_name(path)
    check_free(path, overwrite=overwrite)
    if path.parent != coming and not path.parent.is_dir():
        raise ImageError(path, f"there is no folder {path.parent}")


def check_free(path: Path, *, overwrite: bool, source: Path | None = None) -> None:
    """Raise if there is a file of this name that must stay.

    Args:
        path: The file's name.
        overwrite: Whether it may be replaced.
        source: The file that the new one is made from, which always stays.

    Raises:
        ImageError: it must stay, is no regular file, or nothing can have this name.
    """
    with naming(path):
        if not is_there(path):
            return
        if source is not None and source.exists() and path.samefile(source):
            raise ImageError(path, "is the input", hint="name another file with `output`")
        if not path.is_file():
            raise ImageError(path, "is not a file that could be replaced")
        if not overwrite:
            raise ImageError(path, "exists already", hint="`overwrite` replaces it")


def is_there(path: Path) -> bool:
    """As `Path.exists`, which since Python 3.14 tells of no name that is too long for a file.

    Raises:
        OSError: nothing can have this name.
    """
    try:
        path.stat()
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
            raise
        return False
    return True


def write(
    path: Path,
    picture: Picture,
    *,
    file_format: Format | None = None,
    quality: int | None = None,
    overwrite: bool = False,
) -> None:
    """Write a picture with its metadata; arguments and errors as for `create`."""
    colour = picture.pixels[..., : picture.colours]
    height, width, _ = colour.shape
    with create(
        path,
        (height, width, picture.channels),
        colour.dtype,
        metadata=picture.metadata,
        file_format=file_format,
        quality=quality,
        overwrite=overwrite,
    ) as put:
        for start in range(0, height, _ROWS):
            rows = slice(start, start + _ROWS)
            alpha = () if picture.alpha is None else (picture.alpha[rows],)
            put(np.dstack([colour[rows], *alpha]))


@contextmanager
def create(
    path: Path,
    shape: tuple[int, int, int],
    dtype: DTypeLike = np.uint8,
    *,
    metadata: Metadata | None = None,
    file_format: Format | None = None,
    quality: int | None = None,
    overwrite: bool = False,
) -> Iterator[Put]:
    """Write an image file from rows that come from the top, any number at a time.

    The file appears under its name when all is written, and not at all if anything goes wrong.
    Refusals come before the first row. PNG and TIFF hold about a megabyte of rows in memory, other
    formats the whole image.

    Args:
        path: Where to; its folder must exist.
        shape: Height, width and channels: 1 gray, 2 gray and alpha, 3 RGB, 4 RGB and alpha.
        dtype: Of the rows, uint8 or uint16. Formats of 8 bits round uint16.
        metadata: What to say about the pixels; stated sizes are corrected.
        file_format: As the suffix of `path` says, if None.
        quality: 1..100 where a format loses something. If None, WebP and JXL are lossless, AVIF
            gets 100, JPEG and HEIC 95.
        overwrite: Replace a file that is there already.

    Yields:
        A function that takes the next rows, (n, W, C).

    Raises:
        InputError: the suffix is not that of a known format.
        ImageError: the format cannot hold such an image, the system refuses, or see `check_free`.
    """
    file_format = file_format or format_of(path)
    check_free(path, overwrite=overwrite)
    with (
        naming(path),
        replacing(path) as file,
        encode(
            file, file_format, shape, dtype, name=str(path), metadata=metadata, quality=quality
        ) as put,
    ):
        yield put


@contextmanager
def encode(
    file: BinaryIO,
    file_format: Format,
    shape: tuple[int, int, int],
    dtype: DTypeLike = np.uint8,
    *,
    name: str,
    metadata: Metadata | None = None,
    quality: int | None = None,
) -> Iterator[Put]:
    """Write an image, called `name` in errors, to an open file; otherwise as `create`.

    For TIFF the file must be seekable.

    Raises:
        ImageError: the format cannot hold such an image, or the system refuses.
    """
    check_fits(file_format, shape, dtype, name)
    height, width, channels = shape
    bits = np.dtype(dtype).itemsize * 8
    written = min(bits, file_format.bits)
    sized = (metadata or Metadata()).sized(width, height)
    layout = Layout(
        height=height,
        width=width,
        channels=channels,
        bits=8 if written == 8 else 16,
        metadata=stated_by(file_format, sized, channels, written),
        quality=quality,
    )
    with naming(name), file_format.encoder(file, layout) as put:
        yield put if layout.bits == bits else lambda rows: put(to_8_bits(rows))


@contextmanager
def naming(name: Path | str, done: str = "written") -> Iterator[None]:
    """Turn what the system says into an error that names the file and what cannot be done to it.

    Raises:
        ImageError: the system refuses.
    """
    try:
        yield
    except OSError as error:
        raise ImageError(name, f"cannot be {done}: {error.strerror or error}") from error
