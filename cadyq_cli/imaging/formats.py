"""The file formats that can be written, and what each of them can hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from numpy.typing import NDArray
from PIL import Image

from cadyq_cli.errors import InputError
from cadyq_cli.imaging import png
from cadyq_cli.imaging.layout import Layout, Put, strips

Encoder = Callable[[BinaryIO, Layout], AbstractContextManager[Put]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Format:
    """A file format, and the encoder that writes a layout's rows as they are put."""

    name: str
    suffixes: tuple[str, ...]
    encoder: Encoder
    alpha: bool = True
    bits: int = 8  # at most, a channel
    side: int = 2**31 - 1  # at most, in pixels


def format_named(name: str) -> Format:
    """The format of a name or a suffix, in any case: "JPEG", "jpg".

    Raises:
        InputError: no such format.
    """
    for each in FORMATS:
        if name.lower() == each.name.lower() or f".{name.lower()}" in each.suffixes:
            return each
    names = ", ".join(each.name for each in FORMATS)
    raise InputError(f"cannot write {name!r} images; choose from {names}")


def format_of(path: Path) -> Format:
    """The format that the suffix of a file's name asks for.

    Raises:
        InputError: no such format.
    """
    return format_named(path.suffix[1:])


def _no_options(_: Layout) -> dict[str, Any]:
    return {}


def _pillow(name: str, options: Callable[[Layout], dict[str, Any]] = _no_options) -> Encoder:
    """An encoder that gathers the whole image before it starts."""

    @contextmanager
    def encode(file: BinaryIO, layout: Layout) -> Iterator[Put]:
        mode = ("L", "LA", "RGB", "RGBA")[layout.channels - 1]
        image, done = Image.new(mode, (layout.width, layout.height)), 0

        def emit(strip: NDArray[Any]) -> None:
            nonlocal done
            image.paste(Image.fromarray(strip[..., 0] if mode == "L" else strip), (0, done))
            done += len(strip)

        with strips(layout, emit) as put:
            yield put
        metadata = layout.metadata
        known = {
            "icc_profile": metadata.icc,
            "exif": metadata.exif and b"Exif\0\0" + metadata.exif,
            "xmp": metadata.xmp,
            "dpi": metadata.dpi,
            "comment": metadata.text.get("Comment"),
        }
        known = {key: value for key, value in known.items() if value}
        image.save(file, name, **known, **options(layout))

    return encode


def _jpeg(layout: Layout) -> dict[str, Any]:
    return {"quality": layout.quality or 95, "subsampling": "4:4:4"}


def _webp(layout: Layout) -> dict[str, Any]:
    if layout.quality is None:
        return {"lossless": True, "exact": True}
    return {"quality": layout.quality}


def _avif(layout: Layout) -> dict[str, Any]:
    return {"quality": layout.quality or 100, "subsampling": "4:4:4"}


FORMATS = (
    Format(name="PNG", suffixes=(".png",), encoder=png.encode, bits=16),
    Format(
        name="JPEG",
        suffixes=(".jpg", ".jpeg", ".jpe", ".jfif"),
        encoder=_pillow("JPEG", _jpeg),
        alpha=False,
        side=65500,
    ),
    Format(name="WebP", suffixes=(".webp",), encoder=_pillow("WEBP", _webp), side=16383),
    Format(name="AVIF", suffixes=(".avif",), encoder=_pillow("AVIF", _avif), side=65536),
    Format(name="BMP", suffixes=(".bmp",), encoder=_pillow("BMP"), alpha=False),
)
