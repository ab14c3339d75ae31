"""Every kind of pixel that Pillow reads, as gray or RGB arrays."""

from __future__ import annotations

import io
import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms
from PIL.ImageFile import ImageFile

from cadyq_cli.imaging.pixels import divided, peak

Pixels = NDArray[Any]

_GRAY = ("1", "L", "LA", "La")
_COLOUR = ("P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "YCbCr", "HSV")
_LARGEST = {"L;2": 3, "L;4": 15}  # of gray levels with few bits
_OTHER_ORDER = {"B": "L", "L": "B", "N": "B" if sys.byteorder == "little" else "L"}
_BITS, _PHOTOMETRIC, _PLANAR_CONFIGURATION = 258, 262, 284  # TIFF tags


class UnsupportedPixelsError(Exception):
    """Pixels that cannot become gray or RGB without guessing or loss; says why and what to do."""


def split(image: ImageFile, icc: bytes | None = None) -> tuple[Pixels, Pixels | None]:
    """Load an image that was just opened, as gray (H, W, 1) or RGB (H, W, 3) and alpha (H, W).

    Both are uint8, or uint16 where the file has more than 8 bits a channel. Alpha is None where
    the file knows no transparency.

    Args:
        image: Not loaded yet.
        icc: The profile by which inks become colours, if there is one.

    Raises:
        UnsupportedPixelsError: the pixels are floats, 32-bit, Lab, or 16-bit in separate planes.
    """
    rawmode, alpha = _rawmode(image), None
    see_through = _see_through(image, rawmode)
    planar = image.format == "TIFF" and _tiff_tag(image, _PLANAR_CONFIGURATION) == 2
    if planar and is_16_bit(image) and not image.mode.startswith("I"):
        raise UnsupportedPixelsError(
            "has 16-bit channels in separate planes; save them interleaved"
        )
    if image.mode.startswith("I;16"):
        colour = _gray_16(image, rawmode)
    elif rawmode == "LA;16B":
        colour, alpha = _gray_alpha_16(image)
    elif ";16" in rawmode and image.mode in ("RGB", "RGBA"):
        colour, alpha = _colour_16(image, rawmode)
    elif image.mode in _GRAY:
        colour, alpha = _channels(image, "L")
    elif image.mode in _COLOUR:
        colour, alpha = _channels(image, "RGB")
    elif image.mode == "CMYK":
        colour = np.asarray(_cmyk_to_srgb(image, icc))
    else:
        kind = {"F": "floating-point", "I": "32-bit", "LAB": "Lab"}.get(image.mode, image.mode)
        raise UnsupportedPixelsError(f"has {kind} pixels; save it with 8 or 16 bits a channel")

    if see_through is not None:
        opaque = (colour != see_through).any(axis=2)
        alpha = opaque * colour.dtype.type(peak(colour.dtype))
    return colour, alpha


def is_16_bit(image: ImageFile) -> bool:
    """Whether the file of an image that was just opened has 16 bits a channel."""
    if image.format == "TIFF":
        return 16 in (_tiff_tag(image, _BITS) or ())
    return "16" in _rawmode(image)


def _see_through(image: ImageFile, rawmode: str) -> Any:
    """The one colour of a PNG that is transparent, as its pixels will be; taken from Pillow."""
    if image.format != "PNG" or image.mode not in ("1", "L", "RGB", "I;16"):
        return None
    stored = image.info.pop("transparency", None)
    if stored is None or image.mode == "1":  # there, Pillow gives the level that it makes of it
        return stored
    largest = 65535 if ";16" in rawmode else _LARGEST.get(rawmode, 255)
    levels = np.atleast_1d(stored) & largest
    return levels if largest == 65535 else levels * (255 // largest)


def _channels(image: ImageFile, mode: str) -> tuple[Pixels, Pixels | None]:
    if not image.has_transparency_data:
        return np.atleast_3d(np.asarray(image.convert(mode))), None
    whole = np.asarray(image.convert(mode + "A"))
    return whole[..., :-1], whole[..., -1]


def _cmyk_to_srgb(image: ImageFile, icc: bytes | None) -> Image.Image:
    """By the file's own profile; without a usable one, by Pillow's rule of thumb."""
    image.load()
    try:
        converted = ImageCms.profileToProfile(
            image,
            ImageCms.ImageCmsProfile(io.BytesIO(icc or b"")),
            ImageCms.createProfile("sRGB"),
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            outputMode="RGB",
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (OSError, ImageCms.PyCMSError):
        converted = None
    return converted or image.convert("RGB")


def _gray_16(image: ImageFile, rawmode: str) -> Pixels:
    gray: Pixels = np.asarray(image).astype(np.uint16)[..., None]
    if rawmode == "I;12":
        gray = gray << 4 | gray >> 8
    white_is_0 = image.format == "TIFF" and _tiff_tag(image, _PHOTOMETRIC) == 0
    return 65535 - gray if white_is_0 else gray  # Pillow inverts only 8-bit ones


def _gray_alpha_16(image: ImageFile) -> tuple[Pixels, Pixels]:
    """Four bytes a pixel; read as such, since Pillow would keep only the high ones."""
    pairs = _unpacked(image, "RGBA").view(">u2").astype(np.uint16)
    return pairs[..., :1], pairs[..., 1]


def _colour_16(image: ImageFile, rawmode: str) -> tuple[Pixels, Pixels | None]:
    """Pillow keeps one byte of a 16-bit channel; told the other byte order, it keeps the other."""
    plain = rawmode.replace("a;", "A;")  # no division by alpha in 8 bits
    high = _unpacked(image, plain).astype(np.uint16)
    low = _unpacked(image, plain[:-1] + _OTHER_ORDER[plain[-1]])
    whole = high << 8 | low
    if image.mode == "RGB":
        return whole[..., :3], None
    colour, alpha = whole[..., :3], whole[..., 3]
    if plain != rawmode:
        colour = divided(colour, alpha)
    return colour, alpha


def _rawmode(image: ImageFile) -> str:
    """How the file packs its pixels, in Pillow's words."""
    args = image.tile[0].args if image.tile else None
    return str(args[0] if isinstance(args, tuple) else args)


def _unpacked(image: ImageFile, rawmode: str) -> Pixels:
    """The pixels of the same file, unpacked by another rule."""
    if image.fp is None or image.format is None:
        raise ValueError("the image must not be loaded yet")
    with Image.open(image.fp, formats=[image.format]) as again:
        again.tile = [
            tile._replace(
                args=(rawmode, *tile.args[1:]) if isinstance(tile.args, tuple) else rawmode
            )
            for tile in again.tile
        ]
        return np.asarray(again)


def _tiff_tag(image: ImageFile, tag: int) -> Any:
    return image.tag_v2.get(tag)  # type: ignore[attr-defined]
