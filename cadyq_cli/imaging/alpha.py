"""Transparency: colours and alpha are enlarged apart, and yet nothing hidden shows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from cadyq_cli.imaging.resize import imresize

Pixels = NDArray[Any]

AROUND = 2  # px within which more visible pixels give a fainter one their colour
_VISIBLE = 8 / 255  # of white, by which colours differ
_FEW = 0.01  # of the hidden pixels
_FAINTEST = np.float32(1 / 255)  # alpha that colours are divided by, at least


class SoftEdges:
    """What goes wrong where colour and alpha change together, and are enlarged apart.

    Between an opaque white pixel and a faint black one lies a gray one of medium alpha: a dark
    fringe. Colours that are multiplied by alpha, enlarged, and divided again have none. The
    difference of both ways, by bicubic interpolation, is what is to be added to colours that a
    network has enlarged.
    """

    def __init__(self, pixels: Pixels, alpha: Pixels, given: Pixels) -> None:
        """Prepare for a picture.

        Args:
            pixels: (H, W, 3), uint8 or uint16.
            alpha: (H, W), of the same type.
            given: Of the shape of the pixels: what the network was given in their place.
        """
        self._colour, self._given = pixels.astype(np.float32), given.astype(np.float32)
        self._alpha = alpha.astype(np.float32)[..., None] / np.iinfo(alpha.dtype).max

    def corrected(self, enlarged: Pixels, size: tuple[int, int], rows: slice) -> Pixels:
        """Some rows (n, W, 3) of the enlarged colours, of a picture of `size`, without fringes."""
        alpha = imresize(self._alpha, size, rows=rows)
        blended = imresize(self._colour * self._alpha, size, rows=rows)
        apart = imresize(self._given, size, rows=rows)
        colour = enlarged + (blended / np.maximum(alpha, _FAINTEST) - apart)
        white = np.iinfo(enlarged.dtype).max
        rounded: Pixels = np.floor(colour + 0.5).clip(0, white).astype(enlarged.dtype)
        return rounded


def is_soft(alpha: Pixels) -> bool:
    """Whether pixels show a little, which take a `SoftEdges`."""
    return bool(((alpha > 0) & (alpha < np.iinfo(alpha.dtype).max)).any())


def loses_hidden_colours(pixels: Pixels, alpha: Pixels, given: Pixels) -> bool:
    """Whether pixels that do not show held a picture of their own, and not just any colour.

    Programs leave one colour behind cut-outs, mostly black or white; data, such as the gloss of a
    texture, lies over colours of all kinds.

    Args:
        pixels: (H, W, 3), uint8 or uint16.
        alpha: (H, W), 0 where nothing shows.
        given: Of the shape of the pixels: what takes their place.
    """
    hidden = alpha == 0
    white = int(np.iinfo(pixels.dtype).max)
    before, after = pixels[hidden].astype(np.int32), given[hidden].astype(np.int32)
    plain = ((before == 0).all(axis=1)) | ((before == white).all(axis=1))
    lost = before[~plain & _apart(before, after, white)]
    if len(lost) == 0:
        return False
    usual = np.median(lost, axis=0)
    return bool(_apart(lost, usual, white).sum() > _FEW * len(before))


def _apart(colours: Pixels, others: Pixels, white: int) -> NDArray[np.bool_]:
    """Where colours differ visibly, of (n, 3) each."""
    differ: NDArray[np.bool_] = (np.abs(colours - others) > _VISIBLE * white).any(axis=1)
    return differ


def bled(pixels: Pixels, alpha: Pixels) -> Pixels:
    """Give pixels that show less than those around them the colours of these.

    Files hold any colour where nothing shows, often black or white, and enlarging mixes it into
    the visible edge. Neighbours count by their alpha, as in premultiplied colour. Pixels that show
    as much as any within `AROUND` stay exactly as they are, fainter ones in proportion.

    Args:
        pixels: (H, W, 3), uint8 or uint16.
        alpha: (H, W), 0 where nothing shows.

    Returns:
        The pixels, (H, W, 3); the same array if nothing shows, or everything alike.
    """
    if alpha.min() == alpha.max():
        return pixels
    weight = (alpha[..., None] / np.iinfo(alpha.dtype).max).astype(np.float32)
    filled = _filled(pixels.astype(np.float32), weight)
    white = np.iinfo(pixels.dtype).max
    rounded: Pixels = np.floor(filled + 0.5).clip(0, white).astype(pixels.dtype)
    return rounded


def _filled(colour: Pixels, weight: Pixels) -> Pixels:
    """The colours; where they weigh less than those around, those of half the size as well."""
    highest = _highest_around(weight)
    share = _ratio(weight, highest)
    if (share == 1).all():
        return colour
    coarse_weight = _quad_means(weight)
    coarse = _filled(_ratio(_quad_means(colour * weight), coarse_weight), coarse_weight)
    height, width = colour.shape[:2]
    mixed: Pixels = colour * share + imresize(coarse, 2)[:height, :width] * (1 - share)
    return mixed


def _highest_around(plane: Pixels) -> Pixels:
    """The largest of all values within `AROUND` px, shape (H, W, 1)."""
    for axis in (0, 1):
        margin = [(AROUND, AROUND) if axis == side else (0, 0) for side in range(3)]
        windows = sliding_window_view(np.pad(plane, margin), 2 * AROUND + 1, axis=axis)
        plane = windows.max(axis=-1)
    return plane


def _ratio(part: Pixels, whole: Pixels) -> Pixels:
    """0 where the whole is 0."""
    ratio: Pixels = np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
    return ratio


def _quad_means(plane: Pixels) -> Pixels:
    """Means over 2x2 pixels each; beyond the edge lies 0."""
    height, width = plane.shape[:2]
    plane = np.pad(plane, ((0, height % 2), (0, width % 2), (0, 0)))
    sums = plane[::2, ::2] + plane[1::2, ::2] + plane[::2, 1::2] + plane[1::2, 1::2]
    means: Pixels = sums * np.float32(0.25)
    return means
