"""The statements of files that Pillow alone takes apart."""

from __future__ import annotations

from typing import Any

from PIL.ImageFile import ImageFile

from cadyq_cli.imaging.containers.statements import Statements


def statements_of(image: ImageFile) -> Statements:
    """What an image says that was just opened."""
    info = image.info
    blocks: dict[str, Any] = {
        name: data
        for name, key in (
            ("exif", "exif"),
            ("xmp", "xmp"),
            ("icc", "icc_profile"),
            ("comment", "comment"),
        )
        if isinstance(data := info.get(key), bytes) and data
    }
    if "exif" in blocks:
        blocks["exif"] = blocks["exif"].removeprefix(b"Exif\0\0")
    dpi = tuple(map(float, info.get("dpi", ())))
    return Statements(**blocks, dpi=(dpi[0], dpi[1]) if len(dpi) == 2 else None)
