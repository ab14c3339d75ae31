"""Colours for numbers, in steps that look even, to colour-blind eyes too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Colours = NDArray[np.uint8]

# Each palette gets steadily lighter, so that it still orders values where hues are confused, in a
# gray print, and over a gray picture. The first is the default.
_ANCHORS: Mapping[str, tuple[str, ...]] = {
    "fjord": ("#43277d", "#31679c", "#2ba28a", "#8fd35a", "#fbee52"),
    "ember": ("#3d1c5c", "#8d2a6e", "#d6504f", "#f4a04a", "#fbf0a0"),
    "dusk": ("#1d3b78", "#5f6a7d", "#9b957e", "#d9c565", "#ffee66"),
    "gray": ("#303030", "#f4f4f4"),
}
_LESS = ("#f2f2f2", "#86b1d8", "#1f5fa8")
_MORE = ("#f2f2f2", "#e3a468", "#a84b00")

PALETTES = tuple(_ANCHORS)
_STEPS = 256

_TO_LMS = np.array(  # linear sRGB to cone responses, and their cube roots to OKLab (B. Ottosson)
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


def colours(values: NDArray[Any], palette: str = PALETTES[0]) -> Colours:
    """Colours of values in 0..1, dark to light. Shape (..., 3), sRGB.

    Raises:
        KeyError: no such palette.
    """
    return _looked_up(values, _table(_ANCHORS[palette]))


def difference_colours(values: NDArray[Any]) -> Colours:
    """Colours of differences in -1..1: blue, nearly white at 0, orange. Shape (..., 3), sRGB."""
    less, more = (_looked_up(np.abs(values), _table(anchors)) for anchors in (_LESS, _MORE))
    return np.where(np.asarray(values)[..., None] < 0, less, more)


def _looked_up(values: NDArray[Any], table: Colours) -> Colours:
    found: Colours = table[np.rint(np.clip(values, 0, 1) * (len(table) - 1)).astype(int)]
    return found


def _table(anchors: tuple[str, ...]) -> Colours:
    """Colours at equal distances along the path through the anchors, measured in OKLab."""
    rgb = np.array([[int(text[i : i + 2], 16) for i in (1, 3, 5)] for text in anchors])
    path = _to_oklab(rgb / 255)
    length = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))])
    at = np.linspace(0, length[-1], _STEPS)
    even = np.stack([np.interp(at, length, axis) for axis in path.T], axis=1)
    table: Colours = np.rint(_from_oklab(even).clip(0, 1) * 255).astype(np.uint8)
    return table


def _to_oklab(rgb: NDArray[Any]) -> NDArray[Any]:
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    lab: NDArray[Any] = np.cbrt(linear @ _TO_LMS.T) @ _TO_LAB.T
    return lab


def _from_oklab(lab: NDArray[Any]) -> NDArray[Any]:
    linear = ((lab @ np.linalg.inv(_TO_LAB).T) ** 3 @ np.linalg.inv(_TO_LMS).T).clip(0, None)
    curved: NDArray[Any] = 1.055 * linear ** (1 / 2.4) - 0.055
    return np.where(linear <= 0.0031308, linear * 12.92, curved)
