"""HEIC read and written by libheif, through pillow-heif."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from cadyq_cli.imaging.containers.coded import Decoded
from cadyq_cli.imaging.containers.contents import SEVERAL
from cadyq_cli.imaging.layout import Layout, Put, strips
from cadyq_cli.imaging.pixels import divided

BITS = 10  # a channel that phones read, at most
QUALITY = 95  # unless told otherwise; above it libheif makes the same file
SIDE, PIXELS = 65535, 32768**2  # of a picture that libheif opens
_TILE = 512  # px, as phones cut pictures: one of any size would be one that no chip decodes
_MOST_TILES = 900  # programs open a thousand items
_SRGB = (1, 13)  # code points
_BT_601, _FULL_RANGE = 6, 1


class HeicPixels:
    """The pixels of a HEIC file. libheif turns and crops them as the file's own boxes say."""

    kind = "HEIC"

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        width, height = self._image.size
        return width, height

    def decoded(self) -> Decoded:
        """All bits of the picture; of several, the one that the file calls its first."""
        image = self._image
        bits, mode = int(image.info["bit_depth"]), str(image.mode)
        pixels = np.atleast_3d(np.asarray(image))
        if pixels.dtype == np.uint16:
            pixels = pixels | pixels >> bits  # libheif leaves the low bits empty
        colours = 3 if mode.startswith("RGB") else 1
        alpha = pixels[..., colours] if pixels.shape[2] > colours else None
        colour = pixels[..., :colours]
        if alpha is not None and "a" in mode:
            colour = divided(colour, alpha)
        notes = (SEVERAL,) if len(self._opened) > 1 else ()
        return Decoded(colour, alpha, bits=bits if bits > 8 else 0, turn=1, notes=notes)

    @cached_property
    def _opened(self) -> Any:
        from pillow_heif import HeifFile

        self._file.seek(0)
        return HeifFile(self._file, convert_hdr_to_8bit=False)

    @property
    def _image(self) -> Any:
        return self._opened[self._opened.primary_index]


@contextmanager
def encode(file: BinaryIO, layout: Layout) -> Iterator[Put]:
    """Write a HEIC file of 8 or 10 bits; all of the picture is gathered before it starts.

    Colours are halved in resolution, as cameras do; macOS shows some pictures wrong otherwise.

    Raises:
        OSError: this pillow-heif cannot write HEIC.
    """
    import pillow_heif

    if not pillow_heif.libheif_info()["HEIF"]:
        raise OSError("the installed pillow-heif reads HEIC only")
    channels = 3 + (layout.channels in (2, 4))
    kind = np.uint16 if layout.bits == 16 else np.uint8
    pixels, done = np.empty((layout.height, layout.width, channels), kind), 0

    def emit(strip: NDArray[Any]) -> None:
        nonlocal done
        rows = pixels[done : done + len(strip)]
        rows[..., :3] = strip[..., : 3 if layout.channels > 2 else 1]
        if channels == 4:
            rows[..., 3] = strip[..., -1]
        done += len(strip)

    with strips(layout, emit) as put:
        yield put
    mode = ("RGB" if channels == 3 else "RGBA") + (";16" if layout.bits == 16 else "")
    image = pillow_heif.from_bytes(mode, (layout.width, layout.height), pixels.tobytes())
    image.info.update(_known(layout))
    try:
        image.save(file, **_options(layout))
    except (ValueError, RuntimeError) as error:
        raise OSError(f"HEIC encoder: {error}") from error


def _known(layout: Layout) -> dict[str, Any]:
    """The metadata in the plugin's words."""
    metadata = layout.metadata
    known = {
        "exif": metadata.exif and b"Exif\0\0" + metadata.exif,
        "xmp": metadata.xmp,
        "icc_profile": metadata.icc,
    }
    return {key: value for key, value in known.items() if value}


def _options(layout: Layout) -> dict[str, Any]:
    tile = _TILE
    while -(-layout.width // tile) * -(-layout.height // tile) > _MOST_TILES:
        tile *= 2
    cicp = layout.metadata.cicp
    primaries, transfer = _SRGB if cicp is None else cicp[:2]
    return {
        "quality": layout.quality or QUALITY,
        "chroma": "420",
        "tile_size": tile,
        "enc_params": {"preset": "ultrafast"},  # a fifth of the time for a file 6 % larger
        "color_primaries": primaries,
        "transfer_characteristics": transfer,
        "matrix_coefficients": _BT_601,
        "full_range_flag": _FULL_RANGE,
    }
