"""What XMP says of other parts of its file, such as a gain map, which no enlarged picture has."""

from __future__ import annotations

from cadyq_cli.imaging.rdf import Property, edited, properties

_NAMESPACES = {  # how they begin -> the part that they tell of, "" where that is said elsewhere
    "http://ns.adobe.com/hdr-gain-map/": "a gain map",
    "http://ns.apple.com/HDRGainMap/": "a gain map",
    "http://ns.apple.com/pixeldatainfo/": "",
    "http://ns.google.com/photos/1.0/audio/": "a sound",
    "http://ns.google.com/photos/1.0/container/": "",
    "http://ns.google.com/photos/1.0/depthmap/": "a depth map",
    "http://ns.google.com/photos/1.0/focus/": "",
    "http://ns.google.com/photos/1.0/image/": "a second picture",
    "http://ns.google.com/photos/dd/1.0/depthmap/": "a depth map",
    "http://ns.google.com/photos/dd/1.0/": "",
    "http://ns.oplus.com/photos/1.0/camera/": "",
}
_ITEMS = {  # by the meaning of an item in Google's container
    "GainMap": "a gain map",
    "RecoveryMap": "a gain map",
    "MotionPhoto": "a video",
    "Depth": "a depth map",
    "Original": "a second picture",
}
_VIDEOS = ("MotionPhoto", "MicroVideo")  # how names begin, in several makers' namespaces
_EXTENSION = ("http://ns.adobe.com/xmp/note/", "HasExtendedXMP")


def alone(xml: bytes) -> tuple[bytes, set[str]]:
    """A packet without what it says of other parts of the file, and these, "a gain map" and so on.

    Raises:
        ValueError: the packet cannot be understood.

    Source: Ultra HDR 1.1, Motion Photo 1.0 and Dynamic Depth 1.0, Google; Exporting HDR, Apple;
    XMP Specification Part 3, Adobe 2020, for what does not fit one segment of a JPEG file.
    """
    told = [(each, _told(each)) for each in properties(xml)]
    gone = [(each.whole, b"") for each, part in told if part is not None]
    return edited(xml, gone), {part for _, part in told if part}


def _told(stated: Property) -> str | None:
    """The part that is told of, "" where it is not named; None where nothing is."""
    if stated.key == _EXTENSION:
        return "extended XMP"
    if stated.name.startswith(_VIDEOS):
        return "a video" if stated.name in _VIDEOS and stated.value != "0" else ""
    for start, part in _NAMESPACES.items():
        if stated.namespace.startswith(start):
            return _ITEMS.get(stated.value, part) if stated.name == "Semantic" else part
    return None
