"""Image files: any mode in, upright RGB out."""

from __future__ import annotations

import secrets
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import DTypeLike, NDArray
from PIL import ExifTags, Image, UnidentifiedImageError
from PIL.ImageFile import ImageFile

from cadyq_cli.errors import ImageError, InputError
from cadyq_cli.imaging.formats import Format, format_of
from cadyq_cli.imaging.layout import Layout, Put
from cadyq_cli.imaging.metadata import Metadata, gathered
from cadyq_cli.imaging.modes import UnsupportedPixelsError, split
from cadyq_cli.imaging.picture import Picture

READABLE = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "AVIF")  # Pillow's names
MAX_PIXELS = 250_000_000

_ROWS = 64  # of a picture that are put at a time

Pixels = NDArray[Any]
_PILLOW = Lock()  # its pixel limit and the warning filters belong to the whole process


def read(path: Path, *, max_pixels: int = MAX_PIXELS) -> Picture:
    """Read an image file; see `decode`.

    Raises:
        ImageError: the file is missing, unreadable, or `decode` refuses it.
    """
    try:
        with path.open("rb") as file:
            return decode(file, str(path), max_pixels=max_pixels)
    except OSError as error:
        raise ImageError(path, f"cannot be read: {error.strerror or error}") from error


def decode(file: BinaryIO, name: str, *, max_pixels: int = MAX_PIXELS) -> Picture:
    """Read an image from an open, seekable file.

    The image is turned as its EXIF orientation asks; palettes, CMYK and so on become RGB; of
    several frames the first is taken. 16-bit channels stay 16-bit.

    Args:
        file: Open for reading, in binary.
        name: What to call it in an error.
        max_pixels: Refuse more than this before any of them is decoded.

    Raises:
        ImageError: not an image, a broken one, one of an unsupported kind, or a too large one.
    """
    with _our_rules():
        try:
            with Image.open(file, formats=READABLE) as image:
                if image.width * image.height > max_pixels:
                    size = f"{image.width}x{image.height} px"
                    hint = f"the limit is {max_pixels} px in all"
                    raise ImageError(name, f"is too large, {size}", hint=hint)
                return _picture(image)
        except ImageError:
            raise
        except UnsupportedPixelsError as error:
            raise ImageError(name, str(error)) from error
        except UnidentifiedImageError as error:
            raise ImageError(name, _why_unknown(file)) from error
        except Exception as error:  # a decoder may raise anything over a broken file
            cause = " ".join(str(error).split()) or type(error).__name__
            raise ImageError(name, f"is broken: {cause}") from error


@contextmanager
def _our_rules() -> Iterator[None]:
    """Pillow without its own pixel limit, and without warnings about what is wrong in a file."""
    with _PILLOW, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = limit


def _picture(image: ImageFile) -> Picture:
    notes = []
    if image.format != "MPO" and getattr(image, "is_animated", False):
        notes.append("holds several pictures; the first one is used")
    if image.mode == "CMYK":
        notes.append("CMYK colours became sRGB")
    colour, alpha = split(image)
    turn = image.getexif().get(ExifTags.Base.Orientation, 1)  # a TIFF has been turned by now

    profile = image.info.get("icc_profile")
    space = profile[16:20] if profile else None
    gray = colour.shape[2] == 1 or (space != b"RGB " and _is_gray(colour))
    height, width = colour.shape[:2]
    return Picture(
        pixels=_turned(np.broadcast_to(colour, (height, width, 3)), turn),
        alpha=None if alpha is None else _turned(alpha, turn),
        gray=gray,
        format="JPEG" if image.format == "MPO" else image.format or "PNG",
        metadata=gathered(image, profile if space == (b"GRAY" if gray else b"RGB ") else None),
        notes=tuple(notes),
    )


def _is_gray(colour: Pixels) -> bool:
    return bool((colour == colour[..., :1]).all())


def _turned(pixels: Pixels, orientation: int) -> Pixels:
    """The upright view of pixels stored in one of EXIF's eight orientations."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    down = -1 if orientation in (3, 4, 7, 8) else 1
    right = -1 if orientation in (2, 3, 6, 7) else 1
    return pixels[::down, ::right]


def _why_unknown(file: BinaryIO) -> str:
    """What to say about a file in which Pillow finds no image."""
    file.seek(0)
    start = file.read(12)
    if not start:
        return "is empty"
    if start[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return "is a TIFF that is broken or has pixels of an unsupported kind, such as floats"
    known = (b"\x89PNG", b"\xff\xd8", b"BM", b"GIF8", b"RIFF")
    if start.startswith(known):
        return "is broken from its first bytes on"
    return f"is not an image that can be read; {', '.join(READABLE)} are"


def write(
    path: Path,
    picture: Picture,
    *,
    file_format: Format | None = None,
    quality: int | None = None,
    overwrite: bool = False,
) -> None:
    """Write a picture to a file; see `create` for the arguments, `picture.format` is ignored.

    Raises:
        ImageError: as `create`.
    """
    alpha = picture.alpha
    colour = picture.pixels[..., :1] if picture.gray else picture.pixels
    shape = (*colour.shape[:2], colour.shape[2] + (alpha is not None))
    metadata = picture.metadata
    with create(
        path,
        shape,
        colour.dtype,
        metadata=metadata,
        file_format=file_format,
        quality=quality,
        overwrite=overwrite,
    ) as put:
        for start in range(0, len(colour), _ROWS):
            rows = slice(start, start + _ROWS)
            put(colour[rows] if alpha is None else np.dstack([colour[rows], alpha[rows]]))


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

    Args:
        path: Where to; its folder must exist.
        shape: Height, width and channels: 1 gray, 2 gray and alpha, 3 RGB, 4 RGB and alpha.
        dtype: Of the rows, uint8 or uint16. Formats of 8 bits round uint16.
        metadata: What to say about the pixels; stated sizes are corrected.
        file_format: As the suffix of `path` says, if None.
        quality: 1..100 for JPEG, WebP and AVIF; if None, 95 for JPEG and lossless for WebP.
        overwrite: Replace a file that is there already.

    Yields:
        A function that takes the next rows, (n, W, C).

    Raises:
        ImageError: the format is unknown or cannot hold such an image, the file exists, or the
            system refuses.
    """
    try:
        file_format = file_format or format_of(path)
    except InputError as error:
        raise ImageError(path, str(error)) from error
    height, width, channels = shape
    if channels in (2, 4) and not file_format.alpha:
        raise ImageError(
            path, f"{file_format.name} cannot hold transparency", hint="PNG and WebP can"
        )
    if max(height, width) > file_format.side:
        reason = (
            f"{file_format.name} cannot hold {width}x{height} px, only {file_format.side} px a side"
        )
        raise ImageError(path, reason, hint="PNG can")
    if path.exists() and not overwrite:
        raise ImageError(path, "exists already")
    bits = np.dtype(dtype).itemsize * 8
    layout = Layout(
        height=height,
        width=width,
        channels=channels,
        bits=min(bits, file_format.bits),
        metadata=(metadata or Metadata()).sized(width, height),
        quality=quality,
    )
    try:
        with _replacing(path) as file, file_format.encoder(file, layout) as put:
            yield put if layout.bits == bits else lambda rows: put(_to_8_bits(rows))
    except OSError as error:
        raise ImageError(path, f"cannot be written: {error.strerror or error}") from error


@contextmanager
def _replacing(path: Path) -> Iterator[BinaryIO]:
    """A new file that takes the name `path` at the end, or is removed if that never comes."""
    part = path.with_name(f".cadyq-{secrets.token_hex(6)}.part")
    try:
        with part.open("xb") as file:
            yield file
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _to_8_bits(rows: Pixels) -> NDArray[np.uint8]:
    """The nearest values, 65535 becoming 255."""
    return ((rows.astype(np.uint32) + 128) // 257).astype(np.uint8)
