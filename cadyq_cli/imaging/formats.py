"""The file formats that can be written, and what each of them can hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from numpy.typing import NDArray
from PIL import Image

from cadyq_cli.errors import InputError
from cadyq_cli.imaging import png, tiff
from cadyq_cli.imaging.capacity import Capacity
from cadyq_cli.imaging.layout import Layout, Put, strips
from cadyq_cli.imaging.metadata import Metadata

Encoder = Callable[[BinaryIO, Layout], AbstractContextManager[Put]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Format:
    """A file format, and the encoder that writes a layout's rows as they are put."""

    name: str
    suffixes: tuple[str, ...]
    encoder: Encoder
    alpha: bool = True
    profiles: bool = True  # of colours
    bits: int = 8  # at most, a channel
    capacity: Capacity = field(default_factory=Capacity)


def can_be_read(path: Path) -> bool:
    """Whether a file is named like an image that can be read."""
    suffix = path.suffix.lower()
    return suffix in ONLY_READ or any(suffix in each.suffixes for each in FORMATS)


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
    try:
        return format_named(path.suffix[1:])
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


_PER_METRE = 2**31 - 1  # pixels that PNG and BMP can state at most


def _no_options(_: Layout) -> dict[str, Any]:
    return {}


def _pillow(
    name: str,
    options: Callable[[Layout], dict[str, Any]] = _no_options,
    longest: int = 2**31 - 1,
) -> Encoder:
    """An encoder that gathers the whole image before it starts.

    `options` are Pillow's; `longest` is how many bytes of EXIF or XMP the format holds.
    """

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
        try:
            image.save(file, name, **_known(layout.metadata, longest), **options(layout))
        except (KeyError, ValueError) as error:  # no such encoder here; it fails
            raise OSError(f"{name} encoder: {error}") from error

    return encode


def _known(metadata: Metadata, longest: int) -> dict[str, Any]:
    """The metadata in Pillow's words, but for what is longer than `longest` bytes."""
    known: dict[str, Any] = {
        "exif": metadata.exif and b"Exif\0\0" + metadata.exif,
        "xmp": metadata.xmp,
        "comment": metadata.text.get("Comment", "").encode(),
    }
    known = {key: value for key, value in known.items() if value and len(value) <= longest}
    if metadata.icc:
        known["icc_profile"] = metadata.icc
    if metadata.dpi:
        known["dpi"] = metadata.dpi
    return known


def _jpeg(layout: Layout) -> dict[str, Any]:
    return {"quality": layout.quality or 95, "subsampling": "4:4:4"}


def _webp(layout: Layout) -> dict[str, Any]:
    if layout.quality is None:
        return {"lossless": True, "exact": True}
    return {"quality": layout.quality}


def _avif(layout: Layout) -> dict[str, Any]:
    return {"quality": layout.quality or 100, "subsampling": "4:4:4"}


def _bmp(layout: Layout) -> dict[str, Any]:
    return {} if layout.metadata.dpi else {"dpi": (0, 0)}  # unknown, not Pillow's 96


FORMATS = (
    Format(
        name="PNG",
        suffixes=(".png",),
        encoder=png.encode,
        bits=16,
        capacity=Capacity(side=1_000_000, dpi=_PER_METRE * 0.0254),  # libpng's own limit
    ),
    Format(
        name="JPEG",
        suffixes=(".jpg", ".jpeg", ".jpe", ".jfif"),
        encoder=_pillow("JPEG", _jpeg, longest=65500),
        alpha=False,
        capacity=Capacity(side=65500, dpi=2**16 - 1),
    ),
    Format(
        name="WebP",
        suffixes=(".webp",),
        encoder=_pillow("WEBP", _webp),
        capacity=Capacity(side=16383),
    ),
    Format(
        name="AVIF",
        suffixes=(".avif",),
        encoder=_pillow("AVIF", _avif),
        capacity=Capacity(side=32768, pixels=16384**2),  # what libavif opens
    ),
    Format(
        name="TIFF",
        suffixes=(".tif", ".tiff"),
        encoder=tiff.encode,
        bits=16,
        capacity=Capacity(size=tiff.LIMIT, dpi=tiff.FINEST),
    ),
    Format(
        name="BMP",
        suffixes=(".bmp",),
        encoder=_pillow("BMP", _bmp),
        alpha=False,
        profiles=False,
        capacity=Capacity(size=2**32 - 2**11, dpi=_PER_METRE / 39.3701),  # as Pillow reckons
    ),
)
ONLY_READ = (".gif", ".mpo")
