"""Pictures put together: beside and below one another, and long ones folded into strips."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import sqrt

from PIL import Image

from cadyq_cli.figures.text import PAPER

_LONG = 6  # times as long as high, or the other way round, is too long to be seen as a whole
_SHAPE = 2.0  # the same of a folded picture, about


def beside(images: Sequence[Image.Image], gap: int = 0) -> Image.Image:
    """Images from left to right, their upper edges in line."""
    size = sum(image.width + gap for image in images) - gap, max(i.height for i in images)
    result, x = Image.new("RGB", size, PAPER), 0
    for image in images:
        result.paste(image, (x, 0))
        x += image.width + gap
    return result


def below(images: Sequence[Image.Image], gap: int = 0, *, centred: bool = False) -> Image.Image:
    """Images from top to bottom, their left edges in line, or their middles."""
    size = max(i.width for i in images), sum(image.height + gap for image in images) - gap
    result, y = Image.new("RGB", size, PAPER), 0
    for image in images:
        result.paste(image, ((size[0] - image.width) // 2 if centred else 0, y))
        y += image.height + gap
    return result


def strips(height: int, width: int) -> int:
    """How many strips to fold a picture into so that it can be seen as a whole; usually 1."""
    shape = max(height, width) / min(height, width)
    return max(2, round(sqrt(shape / _SHAPE))) if shape > _LONG else 1


def folded(image: Image.Image, borders: Sequence[int]) -> list[Image.Image]:
    """A long picture as strips, from the left end of a wide one or the top of a tall one.

    Args:
        borders: Where it may be cut, in px along its longer side.
    """
    wide = image.width > image.height
    length = max(image.size)
    count = strips(image.height, image.width)
    inner = [border for border in borders if 0 < border < length]
    ideal = [length * index / count for index in range(1, count)] if inner else []
    cuts = {min(inner, key=lambda border: abs(border - place)) for place in ideal}
    return [
        image.crop((a, 0, b, image.height) if wide else (0, a, image.width, b))
        for a, b in pairwise([0, *sorted(cuts), length])
    ]
