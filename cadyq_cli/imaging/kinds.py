"""The kinds of image files, and which of them can be read and written: the one table of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """A kind of image file. Whatever is written can be read as well."""

    name: str
    suffixes: tuple[str, ...]  # the usual one first
    decoder: str  # Pillow's name of it
    writes: bool = True


KINDS = (
    Kind(name="PNG", suffixes=(".png",), decoder="PNG"),
    Kind(name="JPEG", suffixes=(".jpg", ".jpeg", ".jpe", ".jfif"), decoder="JPEG"),
    Kind(name="WebP", suffixes=(".webp",), decoder="WEBP"),
    Kind(name="AVIF", suffixes=(".avif",), decoder="AVIF"),
    Kind(name="TIFF", suffixes=(".tif", ".tiff"), decoder="TIFF"),
    Kind(name="BMP", suffixes=(".bmp",), decoder="BMP"),
    Kind(name="GIF", suffixes=(".gif",), decoder="GIF", writes=False),
    Kind(name="MPO", suffixes=(".mpo",), decoder="JPEG", writes=False),
)
READABLE = ", ".join(kind.name for kind in KINDS)
WRITABLE = ", ".join(kind.name for kind in KINDS if kind.writes)
DECODERS = tuple(dict.fromkeys(kind.decoder for kind in KINDS))


def can_be_read(path: Path) -> bool:
    """Whether a file is named like an image that can be read."""
    suffix = path.suffix.lower()
    return any(suffix in kind.suffixes for kind in KINDS)


def writable(name: str) -> Kind | None:
    """The kind of a name or a suffix, in any case: "JPEG", "jpg"; None: none that is written."""
    name = name.lower()
    found = (k for k in KINDS if k.writes and (name == k.name.lower() or f".{name}" in k.suffixes))
    return next(found, None)
