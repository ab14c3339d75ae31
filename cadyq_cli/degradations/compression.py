"""What is lost in JPEG and WebP."""

from __future__ import annotations

from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

BLOCK = 16  # px from one block of colour to the next, where colour is halved

Pixels = NDArray[np.uint8]


def as_jpeg(
    image: Pixels, quality: int, subsampling: str, *, shift: tuple[int, int] = (0, 0)
) -> Pixels:
    """An RGB image (H, W, 3) after JPEG.

    Args:
        image: In 0..255.
        quality: 1..100, as libjpeg counts.
        subsampling: One of `SUBSAMPLINGS`.
        shift: Rows and columns that the first blocks have before the image.
    """
    above, before = shift
    around = np.pad(image, ((above, 0), (before, 0), (0, 0)), mode="edge")
    stored = _stored(around, "JPEG", quality=quality, subsampling=subsampling)
    return stored[above:, before:]


def as_webp(image: Pixels, quality: int) -> Pixels:
    """The same after lossy WebP."""
    return _stored(image, "WEBP", quality=quality, method=2)  # method 4 takes twice as long


def _stored(image: Pixels, kind: str, **options: object) -> Pixels:
    file = BytesIO()
    Image.fromarray(image).save(file, kind, **options)
    with Image.open(file) as back:
        return np.asarray(back.convert("RGB"))
