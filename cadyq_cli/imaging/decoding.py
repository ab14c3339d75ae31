"""An image file's bytes become an upright RGB picture."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from threading import Lock
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from PIL.ExifTags import Base
from PIL.ImageFile import ImageFile

from cadyq_cli.errors import ImageError
from cadyq_cli.imaging.colour_spaces.stated import stated_colours
from cadyq_cli.imaging.containers.by_pillow import statements_of
from cadyq_cli.imaging.containers.coded import Coded
from cadyq_cli.imaging.containers.contents import SEVERAL, Contents
from cadyq_cli.imaging.containers.jpeg_scans import completed
from cadyq_cli.imaging.containers.statements import Statements
from cadyq_cli.imaging.containers.taking_apart import take_apart
from cadyq_cli.imaging.kinds import DECODERS
from cadyq_cli.imaging.limits import MAX_PIXELS
from cadyq_cli.imaging.metadata import Metadata
from cadyq_cli.imaging.modes import UnsupportedPixelsError, is_16_bit, split
from cadyq_cli.imaging.picture import Picture
from cadyq_cli.imaging.unreadable import why_broken, why_unknown

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
        contents = take_apart(file)
        if contents.refusal:
            raise ImageError(name, contents.refusal)
        try:
            return _decoded(contents, name, max_pixels)
        except ImageError:
            raise
        except UnsupportedPixelsError as error:
            raise ImageError(name, str(error)) from error
        except UnidentifiedImageError as error:
            cause, hint = why_unknown(file)
            raise ImageError(name, cause, hint=hint) from error
        except Exception as error:  # a decoder may raise anything over a broken file
            cause, hint = why_broken(error)
            raise ImageError(name, cause, hint=hint) from error


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


def _decoded(contents: Contents, name: str, max_pixels: int) -> Picture:
    if coded := contents.coded:
        _check_size(name, *coded.size, max_pixels)
        return _of_coded(coded, contents.statements or Statements())
    with Image.open(contents.pixels, formats=DECODERS) as image:
        _check_size(name, image.width, image.height, max_pixels)
        statements = contents.statements or statements_of(image)
        try:
            return _loaded(image, statements)
        except OSError:
            ended = completed(contents.pixels) if image.format == "JPEG" else None
            if ended is None:
                raise
    with Image.open(ended, formats=DECODERS) as image:
        return _loaded(image, statements, "lacks its end marker, but no pixel is missing")


def _of_coded(coded: Coded, statements: Statements) -> Picture:
    found = coded.decoded()
    if found.icc:
        statements = replace(statements, icc=found.icc)
    picture = _picture(
        found.colour, found.alpha, statements, coded.kind, *found.notes, turn=found.turn
    )
    return replace(picture, bits=found.bits) if found.bits else picture


def _check_size(name: str, width: int, height: int, most: int) -> None:
    if width * height > most:
        hint = f"the limit is {most} px in all (`max_input_pixels`)"
        raise ImageError(name, f"is too large, {width}x{height} px", hint=hint)


def _loaded(image: ImageFile, statements: Statements, *notes: str) -> Picture:
    told = [*notes]
    if image.format != "TIFF" and getattr(image, "is_animated", False):
        told.append(SEVERAL)
    if image.mode == "CMYK":
        kinds = ("16-bit CMYK", "8-bit sRGB") if is_16_bit(image) else ("CMYK", "sRGB")
        told.append("{} colours became {}".format(*kinds))
    # AVIF turns by its irot and imir alone: HEIF has EXIF inform, and browsers obey no more of it.
    turn = image.getexif().get(Base.Orientation, 1) if image.format == "AVIF" else None
    colour, alpha = split(image, statements.icc)
    if image.mode == "CMYK":  # what was stated of the inks is done with
        statements = replace(statements, icc=None, chromaticities=None)
    return _picture(colour, alpha, statements, image.format or "PNG", *told, turn=turn)


def _picture(
    colour: Pixels,
    alpha: Pixels | None,
    statements: Statements,
    file_format: str,
    *notes: str,
    turn: int | None = None,
) -> Picture:
    """What the pixels and the statements are together.

    Args:
        colour: Gray (H, W, 1) or RGB (H, W, 3).
        alpha: Shape (H, W).
        statements: Of the file.
        file_format: Pillow's name of it.
        notes: On how it was read.
        turn: How to turn the pixels, as EXIF counts, where it is not for EXIF to say.
    """
    if alpha is not None and file_format == "BMP" and not alpha.any():
        alpha, notes = None, (*notes, "has an alpha channel of zeros, which is left out")
    space = statements.icc[16:20] if statements.icc else None
    gray = _is_gray(colour)
    height, width = colour.shape[:2]
    fitting = (b"GRAY",) if colour.shape[2] == 1 else (b"GRAY", b"RGB ") if gray else (b"RGB ",)
    if space not in fitting:
        if space is not None:
            notes = (*notes, "has a colour profile for other pixels, which is left out")
        statements = replace(statements, icc=None)
    colours = stated_colours(statements, gray=gray, png=file_format == "PNG")
    metadata, lost = Metadata.of(statements, icc=colours.icc, cicp=colours.cicp)
    turn = metadata.orientation if turn is None else turn
    return Picture(
        pixels=_turned(np.broadcast_to(colour, (height, width, 3)), turn),
        alpha=None if alpha is None else _turned(alpha, turn),
        gray=gray,
        format=file_format,
        metadata=metadata.upright(turn),
        notes=tuple(dict.fromkeys([*notes, *lost, *colours.notes])),
    )


def _is_gray(colour: Pixels) -> bool:
    """Whether the channels are equal; of most pictures a few rows tell that they are not."""
    return all(bool((rows == rows[..., :1]).all()) for rows in (colour[::64], colour))


def _turned(pixels: Pixels, orientation: int) -> Pixels:
    """The upright view of pixels stored in one of EXIF's eight orientations."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    down = -1 if orientation in (3, 4, 7, 8) else 1
    right = -1 if orientation in (2, 3, 6, 7) else 1
    return pixels[::down, ::right]
