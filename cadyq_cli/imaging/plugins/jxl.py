"""JPEG XL read and written by libjxl, through pillow-jxl-plugin."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from cadyq_cli.imaging.containers.coded import Decoded
from cadyq_cli.imaging.containers.jxl_header import Header, read_header
from cadyq_cli.imaging.layout import Layout, Put, strips
from cadyq_cli.imaging.modes import UnsupportedPixelsError
from cadyq_cli.imaging.pixels import divided

_CHANNELS = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4, "I;16": 1}  # by what the plugin calls pixels
_WRITTEN = ("L", "LA", "RGB", "RGBA")  # by channels
_EFFORT = 4  # of 1 to 9; 7 takes five times as long for files a third smaller
_AT_ONCE = bytes(4)  # where EXIF starts in its box
_LAST = "is an animation, of which the last picture is used"


class JxlPixels:
    """The pixels of a JPEG XL file. libjxl turns them as the codestream says."""

    kind = "JXL"

    def __init__(self, data: bytes, codestream: bytes) -> None:
        self._data, self._codestream = data, codestream

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, as they are stored."""
        return self._header.width, self._header.height

    @cached_property
    def _header(self) -> Header:
        return read_header(self._codestream)

    def decoded(self) -> Decoded:
        """All of it; the plugin gives 8 bits of colours that have more, and all bits of grays.

        Raises:
            UnsupportedPixelsError: they are floats.
        """
        from pillow_jxl import Decoder

        header = self._header
        _, info, data, profile, _ = Decoder(num_threads=-1)(self._data)
        channels = _CHANNELS.get(info.mode)
        if channels is None:
            raise UnsupportedPixelsError(
                "has floating-point pixels; save it with 8 or 16 bits a channel"
            )
        shape = (info.height, info.width, channels)
        deep = len(data) == 2 * np.prod(shape, dtype=int)
        pixels = np.frombuffer(data, np.uint16 if deep else np.uint8).reshape(shape)
        colours = channels if channels in (1, 3) else channels - 1
        colour, alpha = pixels[..., :colours], None
        if colours < channels:
            alpha = pixels[..., colours]
            colour = divided(colour, alpha) if header.multiplied else colour
        notes = [_LAST] if header.animated else []
        if header.bits > 8 and not deep:
            notes.append(f"has {header.bits} bits a channel, of which 8 are read")
        return Decoded(
            colour,
            alpha,
            bits=header.bits if deep else 0,
            icc=None if header.srgb else bytes(profile) or None,
            turn=1,
            notes=tuple(notes),
        )


@contextmanager
def encode(file: BinaryIO, layout: Layout) -> Iterator[Put]:
    """Write a JPEG XL file, lossless unless a quality is given; all of it is gathered first."""
    from pillow_jxl import Encoder

    pixels, done = np.empty((layout.height, layout.width, layout.channels), np.uint8), 0

    def emit(strip: NDArray[Any]) -> None:
        nonlocal done
        pixels[done : done + len(strip)] = strip
        done += len(strip)

    with strips(layout, emit) as put:
        yield put
    lossless = layout.quality is None
    encoder = Encoder(
        mode=_WRITTEN[layout.channels - 1],
        lossless=lossless,
        quality=layout.quality or 100,
        decoding_speed=0,
        effort=_EFFORT,
        use_container=True,
        use_original_profile=lossless,
        num_threads=-1,
    )
    metadata = layout.metadata
    exif = metadata.exif and _AT_ONCE + metadata.exif
    known = {"exif": exif, "xmp": metadata.xmp, "jumb": None, "compress": False}
    size = layout.width, layout.height
    try:
        data = encoder(pixels.tobytes(), *size, jpeg_encode=False, **known)
    except (ValueError, RuntimeError) as error:
        raise OSError(f"JXL encoder: {error}") from error
    file.write(data)
