"""How much a file format can say besides pixels, and what is lost in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace

from cadyq_cli.imaging.metadata import Metadata

_NAMES = {
    "exif": "EXIF",
    "xmp": "XMP",
    "iptc": "IPTC",
    "icc": "a colour profile",
    "comment": "a comment",
    "text": "text",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Room:
    """Bytes that fit, at most, of each kind of metadata; 0 where a format has no place for it."""

    exif: int = 0
    xmp: int = 0
    iptc: int = 0
    icc: int = 0
    comment: int = 0
    text: int = 0

    def kept(self, metadata: Metadata) -> Metadata:
        """What fits of it."""
        nothing = Metadata()
        without = {kind: getattr(nothing, kind) for kind, _ in self._lost(metadata)}
        return replace(metadata, **without)

    def notes(self, metadata: Metadata, format_name: str) -> Iterator[str]:
        """What does not fit in a format of this name, in words."""
        for kind, size in self._lost(metadata):
            name, most = _NAMES[kind], getattr(self, kind)
            if kind == "text":
                name = f"text ({', '.join(metadata.text)})"
            if most:
                yield f"has {name} of {size} bytes; {format_name} holds {most}, PNG all of them"
            else:
                yield f"has {name}, which {format_name} cannot hold; PNG can"

    def _lost(self, metadata: Metadata) -> Iterator[tuple[str, int]]:
        """Kind and size in bytes of what does not fit."""
        for each in fields(self):
            said = getattr(metadata, each.name) or b""
            size = len(said) if isinstance(said, bytes) else sum(map(len, said.values()))
            if size > getattr(self, each.name):
                yield each.name, size
