"""What an image file says about its pixels, kept true when they are turned or enlarged."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from cadyq_cli.imaging import exif, iptc, xmp
from cadyq_cli.imaging.companions import alone
from cadyq_cli.imaging.containers.contents import SEVERAL
from cadyq_cli.imaging.containers.statements import Cicp, Statements
from cadyq_cli.imaging.rdf import normalized

COMMENT = "Comment"  # its keyword among texts
_NOTES = {  # other parts of a file
    "a gain map": "holds a gain map, which is left out; the result is the standard picture",
    "a second picture": SEVERAL,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Metadata:
    """Everything kept besides pixels, for an image that stands upright."""

    exif: bytes | None = None  # a TIFF structure, without the prefix "Exif"
    icc: bytes | None = None  # the profile of the colours that the picture is in
    cicp: Cicp | None = None  # code points of the colours, beside a profile or where none says it
    xmp: bytes | None = None  # an XML packet in UTF-8
    iptc: bytes | None = None  # IPTC-IIM records, without Photoshop's wrapping
    comment: bytes | None = None  # in an unknown encoding
    dpi: tuple[float, float] | None = None  # across, down
    text: Mapping[str, str] = field(default_factory=dict)  # by keyword, as in PNG

    @classmethod
    def of(
        cls, statements: Statements, *, icc: bytes | None = None, cicp: Cicp | None = None
    ) -> tuple[Metadata, tuple[str, ...]]:
        """What can be kept of what a file states, before its pixels are turned, and notes on it.

        Args:
            statements: With any bytes in them; what is broken is left out, and a note says so.
            icc, cicp: The profile and the code points of the colours that the picture is in.
        """
        notes, parts = list(statements.notes), list(statements.others)
        text = dict(statements.text)
        comment = statements.comment or text.pop(COMMENT, "").encode("utf-8", "replace")
        kept = cls(
            exif=statements.exif,
            icc=icc,
            cicp=cicp,
            xmp=statements.xmp or (statements.exif and exif.packet(statements.exif)) or None,
            iptc=statements.iptc,
            comment=comment or None,
            dpi=statements.dpi if statements.dpi and min(statements.dpi) > 1 else None,
            text=text,
        )
        if kept.exif and exif.upright(kept.exif, 1) is None:
            kept = replace(kept, exif=None)
            notes.append("its EXIF is damaged and was left out")
        if kept.xmp:
            try:
                packet, told = alone(normalized(kept.xmp))
                kept = replace(kept, xmp=packet)
                parts += sorted(told)
            except ValueError:
                kept = replace(kept, xmp=None)
                notes.append("its XMP is damaged and was left out")
        if kept.iptc:
            try:
                kept = replace(kept, iptc=iptc.kept(iptc.unwrapped(kept.iptc)))
            except ValueError:
                kept = replace(kept, iptc=None)
                notes.append("its IPTC is damaged and was left out")
        for part in dict.fromkeys(parts):
            notes.append(_NOTES.get(part, f"holds {part}, which is left out"))
        return kept, tuple(dict.fromkeys(notes))

    @property
    def orientation(self) -> int:
        """How the pixels must be turned to stand upright, 1 to 8, as EXIF counts; it beats XMP."""
        stated = exif.orientation(self.exif) if self.exif else None
        if stated is None and self.xmp:
            stated = xmp.orientation(self.xmp)
        return stated or 1

    def upright(self, turn: int | None = None) -> Metadata:
        """The same after the image was turned as it asked for, or by `turn`, 1 to 8.

        Broken EXIF is dropped.

        Raises:
            ValueError: XMP is broken.
        """
        turn = self.orientation if turn is None else turn
        return replace(
            self,
            exif=exif.upright(self.exif, turn) if self.exif else None,
            xmp=self.xmp and xmp.upright(self.xmp, turn),
            dpi=self.dpi[::-1] if self.dpi and turn >= 5 else self.dpi,
        )

    def sized(self, width: int, height: int) -> Metadata:
        """The same for an image of another size, in pixels, where a size is stated at all.

        Raises:
            ValueError: EXIF or XMP are broken.
        """
        try:
            return replace(
                self,
                exif=self.exif and exif.sized(self.exif, width, height),
                xmp=self.xmp and xmp.sized(self.xmp, width, height),
            )
        except struct.error as error:
            raise ValueError(f"EXIF is broken: {error}") from error
