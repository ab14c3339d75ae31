"""What an image file says about its pixels, kept true when they are turned or enlarged."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from cadyq_cli.imaging.containers.statements import Statements
from cadyq_cli.imaging.exif import orientation, sized, upright


@dataclass(frozen=True, kw_only=True, slots=True)
class Metadata:
    """Everything kept besides pixels, for an image that stands upright."""

    exif: bytes | None = None  # a TIFF structure, without the prefix "Exif"
    icc: bytes | None = None  # the profile of the colours that the picture is in
    xmp: bytes | None = None  # an XML packet
    dpi: tuple[float, float] | None = None  # across, down
    text: Mapping[str, str] = field(default_factory=dict)  # by keyword, as in PNG

    @property
    def orientation(self) -> int:
        """How the pixels must be turned to stand upright, 1 to 8, as EXIF counts."""
        return orientation(self.exif) if self.exif else 1

    def upright(self) -> Metadata:
        """The same after the image was turned as it asked for. Broken EXIF is dropped."""
        exif = upright(self.exif) if self.exif else None
        xmp = self.xmp and re.sub(rb'(tiff:Orientation(?:="|>))\d', rb"\g<1>1", self.xmp)
        dpi = self.dpi[::-1] if self.dpi and self.orientation >= 5 else self.dpi
        return replace(self, exif=exif, xmp=xmp, dpi=dpi)

    def sized(self, width: int, height: int) -> Metadata:
        """The same for an image of another size, in pixels, where a size is stated at all."""
        return replace(self, exif=self.exif and sized(self.exif, width, height))


def gathered(statements: Statements, icc: bytes | None) -> Metadata:
    """What a file says; `icc` is the profile of what its pixels became."""
    text = dict(statements.text)
    if statements.comment:
        text["Comment"] = statements.comment.decode("utf-8", "replace")
    dpi = statements.dpi
    return Metadata(
        exif=statements.exif,
        icc=icc,
        xmp=statements.xmp,
        dpi=dpi if dpi and min(dpi) > 1 else None,
        text=text,
    )
