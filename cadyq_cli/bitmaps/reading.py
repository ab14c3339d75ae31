"""Maps read back from the JSON of `numbers`, which anybody may have written."""

from __future__ import annotations

from typing import Any

import numpy as np

from cadyq_cli.bitmaps.numbers import SCHEMA, BitMap
from cadyq_cli.plain_json import parsed
from cadyq_cli.typed import shown

MAX_SIDE = 2**24  # of an image, px
MAX_SITES = 2**12
MAX_PATCHES = 2**20
MAX_SCALE = 16
MAX_BITS = 32
MAX_NAME = 1000  # characters


def read_map(text: str) -> BitMap:
    """Read a map back, without what the selectors saw.

    Raises:
        ValueError: not such a map, or one whose patches do not tile its image.
    """
    content = parsed(text)
    if not isinstance(content, dict) or content.get("schema") != SCHEMA:
        raise ValueError(f"is not a map of the schema {SCHEMA}")
    try:
        image, model = content["image"], content["model"]
        height, width = (_whole(image[side], side, 1, MAX_SIDE) for side in ("height", "width"))
        patches = _list(content["patches"], "patches", MAX_PATCHES)
        sites = [_text(site, "sites") for site in _list(content["sites"], "sites", MAX_SITES)]
        widths = _list(model["widths"], "widths", MAX_BITS)
        rectangles = [_list(patch["rectangle"], "rectangle", 4) for patch in patches]
        bits = [_list(patch["bits"], "bits", len(sites)) for patch in patches]
        found = BitMap(
            file=_text(image["file"], "file"),
            size=(height, width),
            model=_text(model["name"], "name"),
            scale=_whole(model["scale"], "scale", 1, MAX_SCALE),
            widths=tuple(sorted(_whole(bits, "widths", 1, MAX_BITS) for bits in widths)),
            rectangles=np.array(
                [[_whole(n, "rectangle", 0, MAX_SIDE) for n in four] for four in rectangles]
            ),
            bits=dict(
                zip(sites, np.array([[_bits(n) for n in row] for row in bits]).T, strict=True)
            ),
        )
    except (KeyError, TypeError, IndexError, ValueError) as error:
        raise ValueError(f"is no complete map of the schema {SCHEMA}: {error}") from error
    _check_tiles(found)
    return found


def _check_tiles(found: BitMap) -> None:
    """Refuse patches beyond the image, or that cannot cover each pixel once."""
    x, y, width, height = found.rectangles.T
    rows, columns = found.size
    inside = (width > 0) & (height > 0) & (x + width <= columns) & (y + height <= rows)
    if not inside.all() or sum((width * height).tolist()) != rows * columns:
        raise ValueError(f"has patches that do not tile its image, {columns} x {rows} px")


def _whole(value: Any, name: str, least: int, most: int) -> int:
    if type(value) is not int or not least <= value <= most:
        raise ValueError(f"{name} = {shown(value)} should be from {least} to {most}")
    return value


def _bits(value: Any) -> int | float:
    if type(value) not in (int, float) or not (value == 0 or 1 <= value <= MAX_BITS):
        raise ValueError(f"bits = {shown(value)} should be 0, or from 1 to {MAX_BITS}")
    return value  # type: ignore[no-any-return]


def _list(value: Any, name: str, most: int) -> list[Any]:
    if not isinstance(value, list) or not 1 <= len(value) <= most:
        raise ValueError(f"{name} should be a list of 1 to {most}")
    return value


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str) or len(value) > MAX_NAME:
        raise ValueError(f"{name} = {shown(value)} should be a text")
    return value
