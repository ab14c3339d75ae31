"""Statements gathered block by block; what is wrong with one costs that one alone."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

from cadyq_cli.imaging.containers.resolution import resolution_of
from cadyq_cli.imaging.containers.statements import Statements

LARGEST = 1 << 26  # bytes of all that a file says beside its pixels; more of it is left out
NAMES = {
    "exif": "its EXIF",
    "xmp": "its XMP",
    "icc": "its colour profile",
    "iptc": "its IPTC",
    "comment": "its comment",
}
Block = Literal["exif", "xmp", "icc", "iptc", "comment"]


class Gathering:
    """The statements of one file while it is read."""

    def __init__(self) -> None:
        self.fields: dict[str, Any] = {}
        self.text: dict[str, str] = {}
        self.others: list[str] = []
        self.notes: list[str] = []
        self.left = LARGEST

    def take(self, size: int) -> int:
        """Count what is about to be kept, in bytes.

        Raises:
            ValueError: the file says too much.
        """
        if size > self.left:
            raise ValueError("too large")
        self.left -= size
        return size

    def keep(self, block: Block, data: bytes) -> None:
        """Keep a block, unless the file had one of its kind before."""
        self.fields.setdefault(block, data)

    def note(self, what: str) -> None:
        """Say that a part of the file is left out."""
        self.notes.append(f"{what} is damaged or too large and was left out")

    @contextmanager
    def tolerating(self, what: str) -> Iterator[None]:
        """Leave out, with a note, what turns out to be broken."""
        try:
            yield
        except (ValueError, struct.error, IndexError):
            self.note(what)

    def statements(self) -> Statements:
        """All of it, each block seen to be what it is called."""
        fields = {name: value for name, value in self.fields.items() if value}
        if exif := fields.pop("exif", None):
            exif = exif[6:] if exif[:5] == b"Exif\0" else exif
            fields["exif"] = exif
        for name, sound in (("exif", _is_exif), ("icc", _is_profile)):
            if name in fields and not sound(fields[name]):
                self.note(NAMES[name])
                del fields[name]
        if "dpi" not in fields and "exif" in fields:
            fields["dpi"] = resolution_of(fields["exif"])
        return Statements(
            **fields,
            text=self.text,
            others=tuple(dict.fromkeys(self.others)),
            notes=tuple(dict.fromkeys(self.notes)),
        )


def _is_exif(data: bytes) -> bool:
    return len(data) > 8 and data[:4] in (b"II*\0", b"MM\0*")


def _is_profile(data: bytes) -> bool:
    """Whether the header of a colour profile fits; source: ICC.1:2022, 7.2."""
    return len(data) >= 132 and data[36:40] == b"acsp"
