"""What an image file says about its pixels, kept true when they are turned or enlarged."""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from PIL.ExifTags import Base
from PIL.ImageFile import ImageFile

_ORIENTATION = 0x0112
_EXIF_DIRECTORY = 0x8769
_WIDTHS, _HEIGHTS = (0x0100, 0xA002), (0x0101, 0xA003)  # of the file; of the photograph
_SHORT, _LONG = 3, 4
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

    def upright(self) -> Metadata:
        """The same after the image was turned as its orientation tag asks: the tag says 1."""
        exif = self.exif and _retouched(self.exif, {_ORIENTATION: 1})
        xmp = self.xmp and re.sub(rb'(tiff:Orientation(?:="|>))\d', rb"\g<1>1", self.xmp)
        return replace(self, exif=exif, xmp=xmp)

    def sized(self, width: int, height: int) -> Metadata:
        """The same for an image of another size, in pixels, where a size is stated at all."""
        sizes = dict.fromkeys(_WIDTHS, width) | dict.fromkeys(_HEIGHTS, height)
        return replace(self, exif=self.exif and _retouched(self.exif, sizes))


def gathered(image: ImageFile, icc: bytes | None) -> Metadata:
    """What a loaded image says, for its upright pixels in the colours of the profile `icc`."""
    text = {str(key): str(value) for key, value in getattr(image, "text", {}).items()}
    text = {key: value for key, value in text.items() if key not in _TEXT_OF_ANOTHER_KIND}
    if comment := image.info.get("comment"):
        text["Comment"] = comment.decode("utf-8", "replace")
    dpi = tuple(map(float, image.info.get("dpi", ())))
    return Metadata(
        exif=_exif(image),
        icc=icc,
        xmp=image.info.get("xmp"),
        dpi=(dpi[0], dpi[1]) if len(dpi) == 2 and min(dpi) > 1 else None,
        text=text,
    ).upright()


def _exif(image: ImageFile) -> bytes | None:
    if image.format == "TIFF":
        exif = image.getexif()
        for tag in set(exif) - _ABOUT_THE_PICTURE:
            del exif[tag]
        data = exif.tobytes() if exif else b""
    elif hexadecimal := image.info.get("Raw profile type exif"):  # as ImageMagick writes PNG
        data = bytes.fromhex("".join(hexadecimal.split("\n")[3:]))
    else:
        data = image.info.get("exif", b"")
    return data.removeprefix(b"Exif\0\0") or None


def _retouched(exif: bytes, values: Mapping[int, int]) -> bytes | None:
    """Replace whole numbers where they stand: maker notes, which count bytes, stay readable.

    The thumbnail, a picture of what the image was, is unlinked. Broken EXIF is dropped.
    """
    data = bytearray(exif)
    try:
        order = byte_order(exif)
        (start,) = struct.unpack_from(order + "I", data, 4)
        tags, end = directory(data, order, start)
        struct.pack_into(order + "I", data, end, 0)
        if _EXIF_DIRECTORY in tags:
            (start,) = struct.unpack_from(order + "I", data, tags[_EXIF_DIRECTORY] + 8)
            tags |= directory(data, order, start)[0]
        for tag, value in values.items():
            if tag in tags and value < 1 << 16:
                struct.pack_into(order + "HIHH", data, tags[tag] + 2, _SHORT, 1, value, 0)
            elif tag in tags:
                struct.pack_into(order + "HII", data, tags[tag] + 2, _LONG, 1, value)
    except (KeyError, struct.error):
        return None
    return bytes(data)


def byte_order(exif: bytes) -> Literal["<", ">"]:
    """How EXIF stores its numbers, in the words of `struct`.

    Raises:
        KeyError: this is no EXIF.
    """
    orders: dict[bytes, Literal["<", ">"]] = {b"II": "<", b"MM": ">"}
    return orders[exif[:2]]


def directory(data: bytes | bytearray, order: str, start: int) -> tuple[dict[int, int], int]:
    """Where each tag's entry of 12 bytes stands, and where they end."""
    (count,) = struct.unpack_from(order + "H", data, start)
    end = start + 2 + 12 * count
    places = range(start + 2, end, 12)
    return {struct.unpack_from(order + "H", data, at)[0]: at for at in places}, end
