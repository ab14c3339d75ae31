"""What an image file says about its pixels, kept true when they are turned or enlarged."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import BinaryIO

from PIL.ExifTags import Base
from PIL.ImageFile import ImageFile

from cadyq_cli.imaging.exif import extracted, orientation, sized, upright

_TEXT_OF_ANOTHER_KIND = ("XML:com.adobe.xmp", "Raw profile type exif")
_ABOUT_THE_PICTURE = {  # of the tags of a TIFF file; the others are about the file
    Base.ImageDescription,
    Base.Make,
    Base.Model,
    Base.XResolution,
    Base.YResolution,
    Base.ResolutionUnit,
    Base.Software,
    Base.DateTime,
    Base.Artist,
    Base.HostComputer,
    Base.Copyright,
    Base.Rating,
    Base.ExifOffset,
    Base.GPSInfo,
}


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


def gathered(image: ImageFile, file: BinaryIO, icc: bytes | None) -> Metadata:
    """What an image, loaded from `file`, says; `icc` is the profile of what its pixels became."""
    text = {str(key): str(value) for key, value in getattr(image, "text", {}).items()}
    text = {key: value for key, value in text.items() if key not in _TEXT_OF_ANOTHER_KIND}
    if comment := image.info.get("comment"):
        text["Comment"] = comment.decode("utf-8", "replace")
    dpi = tuple(map(float, image.info.get("dpi", ())))
    return Metadata(
        exif=_exif(image, file),
        icc=icc,
        xmp=image.info.get("xmp"),
        dpi=(dpi[0], dpi[1]) if len(dpi) == 2 and min(dpi) > 1 else None,
        text=text,
    )


def _exif(image: ImageFile, file: BinaryIO) -> bytes | None:
    if image.format == "TIFF":
        return extracted(file, _ABOUT_THE_PICTURE)
    if hexadecimal := image.info.get("Raw profile type exif"):  # as ImageMagick writes PNG
        data = bytes.fromhex("".join(hexadecimal.split("\n")[3:]))
    else:
        data = image.info.get("exif", b"")
    return data.removeprefix(b"Exif\0\0") or None
