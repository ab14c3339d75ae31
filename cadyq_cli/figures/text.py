"""Lettering: the font that comes with Pillow, at any size, and the colours of what is written."""

from __future__ import annotations

from functools import lru_cache
from math import ceil

from PIL import ImageFont

Colour = tuple[int, int, int]  # sRGB, 0..255

INK: Colour = (32, 32, 36)
MUTED: Colour = (95, 99, 104)
FAINT: Colour = (220, 221, 225)
PAPER: Colour = (255, 255, 255)


@lru_cache(maxsize=16)
def font(size: int) -> ImageFont.FreeTypeFont:
    """The font at a height in px.

    Raises:
        OSError: this Pillow was built without FreeType.
    """
    loaded = ImageFont.load_default(size)
    if not isinstance(loaded, ImageFont.FreeTypeFont):
        raise OSError("this Pillow was built without FreeType and cannot draw text")
    return loaded


def text_size(text: str, size: int) -> tuple[int, int]:
    """Width and height of a line of text, in px."""
    left, top, right, bottom = font(size).getbbox(text)
    return ceil(right - left), ceil(bottom - top)
