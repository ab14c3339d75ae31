"""The kinds of image files, and which of them can be read and written: the one table of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cadyq_cli.imaging.plugins.plugin import HEIF, JXL, Plugin


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """A kind of image file. Whatever is written can be read as well."""

    name: str
    suffixes: tuple[str, ...]  # the usual one first
    decoder: str = ""  # Pillow's name of it, if Pillow reads it
    writes: bool = True
    plugin: Plugin | None = None  # what reads and writes it in Pillow's place

    @property
    def is_at_hand(self) -> bool:
        """Whether what it takes is installed."""
        return self.plugin is None or self.plugin.is_installed


KINDS = (
    Kind(name="PNG", suffixes=(".png",), decoder="PNG"),
    Kind(name="JPEG", suffixes=(".jpg", ".jpeg", ".jpe", ".jfif"), decoder="JPEG"),
    Kind(name="WebP", suffixes=(".webp",), decoder="WEBP"),
    Kind(name="AVIF", suffixes=(".avif",), decoder="AVIF"),
    Kind(name="TIFF", suffixes=(".tif", ".tiff"), decoder="TIFF"),
    Kind(name="BMP", suffixes=(".bmp",), decoder="BMP"),
    Kind(name="HEIC", suffixes=(".heic", ".heif", ".hif"), plugin=HEIF),
    Kind(name="JXL", suffixes=(".jxl",), plugin=JXL),
    Kind(name="GIF", suffixes=(".gif",), decoder="GIF", writes=False),
    Kind(name="MPO", suffixes=(".mpo",), decoder="JPEG", writes=False),
)
READABLE = ", ".join(kind.name for kind in KINDS)
WRITABLE = ", ".join(kind.name for kind in KINDS if kind.writes)
DECODERS = tuple(dict.fromkeys(kind.decoder for kind in KINDS if kind.decoder))


def can_be_read(path: Path) -> bool:
    """Whether a file is named like an image that can be read here."""
    kind = kind_of(path)
    return kind is not None and kind.is_at_hand


def kind_of(path: Path) -> Kind | None:
    """The kind that a file is named as, whether or not what it takes is installed."""
    suffix = path.suffix.lower()
    return next((kind for kind in KINDS if suffix in kind.suffixes), None)


def writable(name: str) -> Kind | None:
    """The kind of a name or a suffix, in any case: "JPEG", "jpg"; None: none that is written."""
    name = name.lower()
    found = (k for k in KINDS if k.writes and (name == k.name.lower() or f".{name}" in k.suffixes))
    return next(found, None)
