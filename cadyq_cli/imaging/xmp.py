"""XMP kept true for a picture that is turned or enlarged."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from cadyq_cli.imaging.rdf import VALUE, Change, Property, edited, properties

_TIFF, _EXIF = "http://ns.adobe.com/tiff/1.0/", "http://ns.adobe.com/exif/1.0/"
_XMP, _DC = "http://ns.adobe.com/xap/1.0/", "http://purl.org/dc/elements/1.1/"
_DIMENSIONS = "http://ns.adobe.com/xap/1.0/sType/Dimensions#"
_PANORAMA = "http://ns.google.com/photos/1.0/panorama/"
_REGIONS = "http://www.metadataworkinggroup.com/schemas/regions/"

_ORIENTATION = (_TIFF, "Orientation")
_ABOUT_THE_FILE = {
    (_DC, "format"),
    (_TIFF, "BitsPerSample"),
    (_TIFF, "Compression"),
    (_TIFF, "PhotometricInterpretation"),
    (_TIFF, "PlanarConfiguration"),
    (_TIFF, "SamplesPerPixel"),
    (_TIFF, "YCbCrPositioning"),
    (_TIFF, "YCbCrSubSampling"),
}
_PLACES = {(_EXIF, "SubjectArea"), (_EXIF, "SubjectLocation")}  # in pixels
_BEFORE_A_TURN = {
    (_XMP, "Thumbnails"),
    (_REGIONS, "Regions"),
    ("http://ns.microsoft.com/photo/1.2/", "RegionInfo"),
}
_RESOLUTIONS = (
    ((_TIFF, "XResolution"), (_TIFF, "YResolution")),
    ((_EXIF, "FocalPlaneXResolution"), (_EXIF, "FocalPlaneYResolution")),
)
_WIDTHS = {(_TIFF, "ImageWidth"), (_EXIF, "PixelXDimension")}
_HEIGHTS = {(_TIFF, "ImageLength"), (_EXIF, "PixelYDimension")}
_OF_REGIONS = (_REGIONS, "AppliedToDimensions")
_ACROSS = (  # of a panorama, in pixels; the first that is stated is the picture's own width
    "CroppedAreaImageWidthPixels",
    "FullPanoWidthPixels",
    "CroppedAreaLeftPixels",
    "LargestValidInteriorRectLeft",
    "LargestValidInteriorRectWidth",
)
_DOWN = (
    "CroppedAreaImageHeightPixels",
    "FullPanoHeightPixels",
    "CroppedAreaTopPixels",
    "LargestValidInteriorRectTop",
    "LargestValidInteriorRectHeight",
)


def orientation(xml: bytes) -> int | None:
    """How pixels must be turned to stand upright, 1 to 8; None where that is not said.

    Raises:
        ValueError: the packet cannot be understood.
    """
    found = properties(xml)
    stated = sorted((each for each in found if each.key == _ORIENTATION), key=lambda it: it.depth)
    for each in stated:  # deeper ones tell of pictures that this one was made of
        inner = (part.value for part in _within(each, found) if part.key == VALUE)
        value = _number(each.value or next(inner, ""))
        if value in range(1, 9):
            return value
    return None


def upright(xml: bytes, turn: int) -> bytes:
    """A packet after its picture was turned as the orientation `turn` asks.

    What tells of the file or of places in pixels is left out, too.

    Raises:
        ValueError: the packet cannot be understood.
    """
    found = properties(xml)
    gone = {_ORIENTATION} | _ABOUT_THE_FILE | _PLACES
    if turn != 1:
        gone |= _BEFORE_A_TURN
        gone |= {each.key for each in found if each.namespace == _PANORAMA}
    changes = [_removed(each) for each in found if each.key in gone]
    if turn >= 5:
        stated = {each.key: each for each in found}
        for across, down in _RESOLUTIONS:
            if across in stated and down in stated:
                changes += _swapped(stated[across], stated[down])
    return edited(xml, changes)


def sized(xml: bytes, width: int, height: int) -> bytes:
    """A packet for a picture of another size, in pixels, where a size is stated at all.

    Raises:
        ValueError: the packet cannot be understood.
    """
    found = properties(xml)
    regions = [part for each in found if each.key == _OF_REGIONS for part in _within(each, found)]
    changes: list[Change] = []
    for size, names, part, panorama in (
        (width, _WIDTHS, (_DIMENSIONS, "w"), _ACROSS),
        (height, _HEIGHTS, (_DIMENSIONS, "h"), _DOWN),
    ):
        stated = [each for each in found if each.key in names]
        stated += [each for each in regions if each.key == part]
        changes += [_restated(each, size) for each in stated]
        changes += _scaled([each for each in found if each.namespace == _PANORAMA], panorama, size)
    return edited(xml, changes)


def _swapped(one: Property, other: Property) -> Iterator[Change]:
    """Each with the other's value; of anything but numbers, neither."""
    plain = all(re.fullmatch(r"[\s0-9./]+", each.value) for each in (one, other))
    for stated, value in ((one, other.value), (other, one.value)):
        yield (stated.inner, value.encode()) if plain else _removed(stated)


def _scaled(found: Iterable[Property], names: tuple[str, ...], size: int) -> Iterator[Change]:
    """A panorama's lengths in one direction, in proportion to the picture's new one."""
    stated = {each.name: each for each in found if each.name in names}
    before = next((_number(stated[name].value) for name in names[:2] if name in stated), None)
    for each in stated.values():
        value = _number(each.value)
        if before and value is not None:
            yield _restated(each, round(value * size / before))
        else:
            yield _removed(each)


def _restated(stated: Property, number: int) -> Change:
    """A new number in place of another; anything more complicated goes."""
    simple = _number(stated.value) is not None
    return (stated.inner, str(number).encode()) if simple else _removed(stated)


def _removed(stated: Property) -> Change:
    return stated.whole, b""


def _within(outer: Property, found: Iterable[Property]) -> Iterator[Property]:
    return (
        each
        for each in found
        if outer.whole.start < each.whole.start and each.whole.stop <= outer.whole.stop
    )


def _number(text: str) -> int | None:
    """A whole number, however it is written."""
    match = re.fullmatch(r"\s*\+?([0-9]{1,9})(?:\.0*|/1)?\s*", text)
    return int(match[1]) if match else None
