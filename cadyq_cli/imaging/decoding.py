"""An image file's bytes become an upright RGB picture."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from PIL.ImageFile import ImageFile

from cadyq_cli.downloads import LONGEST_START, stray
from cadyq_cli.errors import ImageError
from cadyq_cli.imaging.limits import MAX_PIXELS
from cadyq_cli.imaging.metadata import gathered
from cadyq_cli.imaging.modes import UnsupportedPixelsError, is_16_bit, split
from cadyq_cli.imaging.picture import Picture

READABLE = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "AVIF")  # Pillow's names

Pixels = NDArray[Any]
_PILLOW = Lock()  # its pixel limit and the warning filters belong to the whole process


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
                    hint = f"the limit is {max_pixels} px in all (--max-input-pixels)"
                    raise ImageError(name, f"is too large, {size}", hint=hint)
                return _picture(image, file)
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


def _picture(image: ImageFile, file: BinaryIO) -> Picture:
    notes = []
    if image.format != "MPO" and getattr(image, "is_animated", False):
        notes.append("holds several pictures; the first one is used")
    if image.mode == "CMYK":
        kinds = ("16-bit CMYK", "8-bit sRGB") if is_16_bit(image) else ("CMYK", "sRGB")
        notes.append("{} colours became {}".format(*kinds))
    colour, alpha = split(image)
    profile = image.info.get("icc_profile")
    space = profile[16:20] if profile else None
    gray = _is_gray(colour)
    height, width = colour.shape[:2]
    fitting = (b"GRAY",) if colour.shape[2] == 1 else (b"GRAY", b"RGB ") if gray else (b"RGB ",)
    metadata = gathered(image, file, profile if space in fitting else None)
    turn = metadata.orientation  # nothing for TIFF, which Pillow has turned already
    return Picture(
        pixels=_turned(np.broadcast_to(colour, (height, width, 3)), turn),
        alpha=None if alpha is None else _turned(alpha, turn),
        gray=gray,
        format="JPEG" if image.format == "MPO" else image.format or "PNG",
        metadata=metadata.upright(),
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
    start = file.read(LONGEST_START)
    if not start:
        return "is empty"
    if found := stray(start):
        return f"is {found.what}, not an image; {found.hint}"
    if start[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return "is a TIFF that is broken or has pixels of an unsupported kind, such as floats"
    known = (b"\x89PNG", b"\xff\xd8", b"BM", b"GIF8", b"RIFF")
    if start.startswith(known):
        return "is broken from its first bytes on"
    if start[4:12] in (b"ftypheic", b"ftypheix", b"ftypmif1"):
        return "is a HEIC image, which cannot be read; export it as JPEG, or in 16 bits as TIFF"
    return f"is not an image that can be read; {', '.join(READABLE)} are"
