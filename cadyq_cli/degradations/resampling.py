"""Pictures shrunk by the kernels that programs have, as wide as the step between results."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_KERNELS = {
    "bicubic": Image.Resampling.BICUBIC,
    "bilinear": Image.Resampling.BILINEAR,
    "lanczos": Image.Resampling.LANCZOS,
    "area": Image.Resampling.BOX,
}


def resampled(image: NDArray[np.uint8], size: tuple[int, int], resampler: str) -> NDArray[np.uint8]:
    """An RGB image (H, W, 3) at another (height, width); one of `RESAMPLERS`."""
    if image.shape[:2] == size:
        return image
    return np.asarray(Image.fromarray(image).resize(size[::-1], _KERNELS[resampler]))
