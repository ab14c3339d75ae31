"""A page for exploring a map: a single file that needs nothing else."""

from __future__ import annotations

import json
from base64 import b64encode
from html import escape
from importlib.resources import files
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from cadyq_cli.bitmaps.depth import by_layer
from cadyq_cli.bitmaps.numbers import BitMap
from cadyq_cli.bitmaps.tints import Pixels
from cadyq_cli.bitmaps.views import View, check_size
from cadyq_cli.escaping import escaped
from cadyq_cli.figures.palette import colours

_LONGEST = 2400  # px of the picture in the page


def page(pixels: Pixels, bitmap: BitMap, view: View, *, icc: bytes | None = None) -> str:
    """The picture with its map, whose opacity and site can be chosen, and the plot against depth.

    It opens as `view` asks. `icc` is the profile of the picture's colours; None for sRGB.

    Raises:
        InputError: no such site, or a picture of another size than the map's.
    """
    check_size(pixels, bitmap)
    values = bitmap.values(view.site)
    scale = view.colouring.scale(bitmap.widths, values)
    picture = Image.fromarray(pixels)
    picture.thumbnail((_LONGEST, _LONGEST), Image.Resampling.LANCZOS)
    table = colours(np.linspace(0, 1, 64), view.colouring.palette)
    content = bitmap.to_dict()
    name = escaped(Path(bitmap.file).name)  # whoever gets the page, not the path
    content["image"]["file"] = name
    content["patches"] = [
        {
            key: patch[key]
            for key in ("rectangle", "average_bits", "bits", "gradient")
            if key in patch
        }
        for patch in content["patches"]
    ]
    content["view"] = {
        "site": view.site,
        "opacity": view.style.opacity,
        "values": view.style.values,
        "stretch": view.colouring.stretch,
        "range": [scale.low, scale.high],
        "colours": ["#" + bytes(colour.tolist()).hex() for colour in table],
    }
    template = (files("cadyq_cli.bitmaps") / "page.html").read_text(encoding="utf-8")
    parts = {
        "TITLE": escape(f"Where the bits go: {name}"),
        "PICTURE": _embedded(picture, "JPEG", quality=92, subsampling=0, icc_profile=icc),
        "PLOT": _embedded(by_layer(bitmap, palette=view.colouring.palette), "PNG"),
        "DATA": json.dumps(content).replace("<", "\\u003c"),  # no tag can end the script
    }
    for part, text in parts.items():
        template = template.replace(f"{{{{{part}}}}}", text)
    return template


def _embedded(image: Image.Image, file_format: str, **options: Any) -> str:
    buffer = BytesIO()
    image.save(buffer, file_format, **options)
    return f"data:image/{file_format.lower()};base64,{b64encode(buffer.getvalue()).decode()}"
