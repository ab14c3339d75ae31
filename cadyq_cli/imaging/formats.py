"""How each kind of image file is written, and what it can hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

from numpy.typing import NDArray
from PIL import Image, ImageFile

from cadyq_cli.errors import InputError
from cadyq_cli.imaging import iptc, png, tiff
from cadyq_cli.imaging.avif import with_code_points
from cadyq_cli.imaging.capacity import Capacity
from cadyq_cli.imaging.exif_resolution import FINEST
from cadyq_cli.imaging.kinds import KINDS, WRITABLE, Kind, writable
from cadyq_cli.imaging.layout import Layout, Put, strips
from cadyq_cli.imaging.metadata import Metadata
from cadyq_cli.imaging.plugins import heic, jxl
from cadyq_cli.imaging.room import Room

Encoder = Callable[[BinaryIO, Layout], AbstractContextManager[Put]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Format:
    """A kind of file, and the encoder that writes a layout's rows as they are put."""

    name: str
    encoder: Encoder
    room: Room  # for metadata
    alpha: bool = True
    code_points: bool = False  # of colours, beside a profile
    bits: int = 8  # at most, a channel; 16 come to the encoder of more than 8
    gray: tuple[int, int] = (16, 16)  # bits, without and with alpha, beyond which it becomes RGB
    resolution: bool = True  # has a place of its own, beside EXIF
    capacity: Capacity = field(default_factory=Capacity)

    @property
    def kind(self) -> Kind:
        """What is known of such files beside how they are written."""
        return next(kind for kind in KINDS if kind.name == self.name)

    @property
    def suffix(self) -> str:
        """What names of such files usually end with."""
        return self.kind.suffixes[0]


def format_named(name: str) -> Format:
    """The format of a name or a suffix, in any case: "JPEG", "jpg".

    Raises:
        InputError: no such format, or what it takes is not installed.
    """
    kind = writable(name)
    if kind is None:
        raise InputError(f"cannot write {name!r} images; choose from {WRITABLE}")
    if kind.plugin is not None and not kind.is_at_hand:
        package, install = kind.plugin.package, kind.plugin.install
        raise InputError(f"writing {kind.name} takes {package}; to have it: {install}")
    return next(each for each in FORMATS if each.name == kind.name)


def format_of(path: Path) -> Format:
    """The format that the suffix of a file's name asks for.

    Raises:
        InputError: no such format.
    """
    try:
        return format_named(path.suffix[1:])
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


# Pillow before 13 has no room for a JPEG's longest comment.
ImageFile.MAXBLOCK = max(ImageFile.MAXBLOCK, 1 << 18)
_PER_METRE = 2**31 - 1  # pixels that PNG and BMP can state at most


def _no_options(_: Layout) -> dict[str, Any]:
    return {}


def _pillow(
    name: str,
    options: Callable[[Layout], dict[str, Any]] = _no_options,
    finished: Callable[[bytes, Layout], bytes] | None = None,
) -> Encoder:
    """An encoder that gathers the whole image before it starts.

    `options` are Pillow's; `finished` adds to a file what Pillow leaves out.
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
            output: BinaryIO = BytesIO() if finished else file
            image.save(output, name, **_known(layout.metadata), **options(layout))
        except (KeyError, ValueError) as error:  # no such encoder here; it fails
            raise OSError(f"{name} encoder: {error}") from error
        if finished:
            output.seek(0)
            file.write(finished(output.read(), layout))

    return encode


def _known(metadata: Metadata) -> dict[str, Any]:
    """The metadata in Pillow's words."""
    known = {
        "exif": metadata.exif and b"Exif\0\0" + metadata.exif,
        "xmp": metadata.xmp,
        "comment": metadata.comment,
        "icc_profile": metadata.icc,
        "dpi": metadata.dpi,
    }
    return {key: value for key, value in known.items() if value}


def _jpeg(layout: Layout) -> dict[str, Any]:
    records = layout.metadata.iptc
    return {
        "quality": layout.quality or 95,
        "subsampling": "4:4:4",
        "extra": iptc.segment(records) if records else b"",
    }


def _webp(layout: Layout) -> dict[str, Any]:
    if layout.quality is None:
        return {"lossless": True, "exact": True}
    return {"quality": layout.quality, "exact": True}


def _avif(layout: Layout) -> dict[str, Any]:
    return {"quality": layout.quality or 100, "subsampling": "4:4:4"}


def _bmp(layout: Layout) -> dict[str, Any]:
    return {} if layout.metadata.dpi else {"dpi": (0, 0)}  # unknown, not Pillow's 96


_ALL = 2**31 - 1  # bytes of metadata of any kind, more than any file has
_SEGMENT = 65533  # bytes of a segment of JPEG, without its marker and length
_JPEG_ROOM = Room(
    exif=_SEGMENT - len(b"Exif\0\0"),
    xmp=_SEGMENT - len(b"http://ns.adobe.com/xap/1.0/\0"),
    iptc=_SEGMENT + 4 - len(iptc.segment(b"")) - 1,  # padded to an even length
    icc=255 * (_SEGMENT - len(b"ICC_PROFILE\0") - 2),  # in numbered segments
    comment=_SEGMENT,
)
_MODERN_ROOM = Room(exif=_ALL, xmp=_ALL, icc=_ALL)

FORMATS = (
    Format(
        name="PNG",
        encoder=png.encode,
        code_points=True,
        room=Room(exif=_ALL, xmp=_ALL, iptc=_ALL, icc=_ALL, comment=_ALL, text=_ALL),
        bits=16,
        capacity=Capacity(side=1_000_000, dpi=_PER_METRE * 0.0254),  # libpng's own limit
    ),
    Format(
        name="JPEG",
        encoder=_pillow("JPEG", _jpeg),
        room=_JPEG_ROOM,
        alpha=False,
        capacity=Capacity(side=65500, dpi=2**16 - 1),
    ),
    Format(
        name="WebP",
        encoder=_pillow("WEBP", _webp),
        room=_MODERN_ROOM,
        gray=(0, 0),
        resolution=False,
        capacity=Capacity(side=16383, dpi=FINEST),
    ),
    Format(
        name="AVIF",
        encoder=_pillow("AVIF", _avif, with_code_points),
        code_points=True,
        room=_MODERN_ROOM,
        gray=(0, 0),
        resolution=False,
        capacity=Capacity(side=32768, pixels=16384**2, dpi=FINEST),  # what libavif opens
    ),
    Format(
        name="TIFF",
        encoder=tiff.encode,
        room=Room(exif=_ALL, xmp=_ALL, iptc=_ALL, icc=_ALL),
        bits=16,
        gray=(16, 8),
        capacity=Capacity(size=tiff.LIMIT, dpi=FINEST),
    ),
    Format(
        name="BMP",
        encoder=_pillow("BMP", _bmp),
        room=Room(),
        alpha=False,
        capacity=Capacity(size=2**32 - 2**11, dpi=_PER_METRE / 39.3701),  # as Pillow reckons
    ),
    Format(
        name="HEIC",
        encoder=heic.encode,
        code_points=True,
        room=_MODERN_ROOM,
        bits=heic.BITS,
        gray=(0, 0),
        resolution=False,
        capacity=Capacity(side=heic.SIDE, pixels=heic.PIXELS, dpi=FINEST),
    ),
    Format(
        name="JXL",
        encoder=jxl.encode,
        room=Room(exif=_ALL, xmp=_ALL),  # the plugin has no place for a profile
        resolution=False,
        capacity=Capacity(side=2**30, dpi=FINEST),
    ),
)
