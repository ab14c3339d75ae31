"""What XMP says of a picture is obeyed in every syntax, and no longer stands there if untrue."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from cadyq_cli.imaging.containers.statements import Statements
from cadyq_cli.imaging.metadata import Metadata

RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
TIFF = "{http://ns.adobe.com/tiff/1.0/}"
EXIF = "{http://ns.adobe.com/exif/1.0/}"
PANORAMA = "{http://ns.google.com/photos/1.0/panorama/}"
SPACES = {
    "tiff": TIFF,
    "exif": EXIF,
    "t": TIFF,
    "dc": "{http://purl.org/dc/elements/1.1/}",
    "GPano": PANORAMA,
    "G": "{http://ns.google.com/photos/1.0/camera/}",
    "gain": "{http://ns.adobe.com/hdr-gain-map/1.0/}",
    "apple": "{http://ns.apple.com/HDRGainMap/1.0/}",
    "note": "{http://ns.adobe.com/xmp/note/}",
    "C": "{http://ns.google.com/photos/1.0/container/}",
    "Item": "{http://ns.google.com/photos/1.0/container/item/}",
    "depth": "{http://ns.google.com/photos/1.0/depthmap/}",
    "mwg": "{http://www.metadataworkinggroup.com/schemas/regions/}",
    "stDim": "{http://ns.adobe.com/xap/1.0/sType/Dimensions#}",
}


def packet(attributes: str = "", inner: str = "") -> bytes:
    spaces = " ".join(f'xmlns:{key}="{value[1:-1]}"' for key, value in SPACES.items())
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{RDF[1:-1]}">'
        f'<rdf:Description rdf:about="" {spaces} {attributes}>{inner}</rdf:Description>'
        '</rdf:RDF></x:xmpmeta>\n  <?xpacket end="w"?>'
    ).encode()


def read(xmp: bytes) -> tuple[Metadata, tuple[str, ...]]:
    return Metadata.of(Statements(xmp=xmp))


def stated(xmp: bytes | None) -> dict[str, str]:
    """Every attribute, and the text of every element, by the expanded name."""
    assert xmp is not None
    found: dict[str, str] = {}
    for element in ET.fromstring(xmp.decode()).iter():
        found |= element.attrib
        found[element.tag] = (element.text or "").strip()
    return found


ORIENTATIONS = {
    "attribute": packet('tiff:Orientation="6"'),
    "single quotes and spaces": packet("tiff:Orientation = ' 6 '"),
    "another prefix": packet('t:Orientation="6"'),
    "element": packet("", "<tiff:Orientation>6</tiff:Orientation>"),
    "element in lines": packet("", "<tiff:Orientation\n>\n  6\n</tiff:Orientation>"),
    "its own namespace": packet("", f'<a:Orientation xmlns:a="{TIFF[1:-1]}">6</a:Orientation>'),
    "default namespace": packet("", f'<Orientation xmlns="{TIFF[1:-1]}">6</Orientation>'),
    "character data": packet("", "<tiff:Orientation><![CDATA[6]]></tiff:Orientation>"),
    "reference": packet('tiff:Orientation="&#54;"'),
    "value": packet("", '<tiff:Orientation rdf:value="6"/>'),
    "qualified": packet(
        "",
        "<tiff:Orientation rdf:parseType='Resource'><rdf:value>6</rdf:value></tiff:Orientation>",
    ),
    "UTF-16": packet('tiff:Orientation="6"').decode().encode("utf-16"),
    "UTF-16, no mark": packet('tiff:Orientation="6"').decode().encode("utf-16-be"),
    "UTF-32": packet('tiff:Orientation="6"').decode().encode("utf-32"),
    "padded": packet('tiff:Orientation="6"') + bytes(9),
    "prefixes that are not declared": b'<rdf:RDF><a tiff:Orientation="6"/></rdf:RDF>',
}


@pytest.mark.parametrize("syntax", ORIENTATIONS)
def test_an_orientation_in_any_syntax_is_read_and_then_gone(syntax: str) -> None:
    metadata, notes = read(ORIENTATIONS[syntax])
    assert metadata.orientation == 6
    after = metadata.upright()
    assert after.orientation == 1
    assert after.xmp is not None
    assert b"Orientation" not in after.xmp
    assert not notes


def test_exif_beats_xmp_where_it_says_something() -> None:
    exif = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\3\0\0\0\1\0\x08\0\0\0\0\0\0"
    xmp = packet('tiff:Orientation="6"')
    assert Metadata(exif=exif, xmp=xmp).orientation == 8
    assert Metadata(exif=exif.replace(b"\0\x08\0\0\0\0\0\0", bytes(8)), xmp=xmp).orientation == 6


def test_a_picture_that_this_one_was_made_of_does_not_turn_it() -> None:
    ingredient = "<dc:source><rdf:Description tiff:Orientation='3'/></dc:source>"
    assert read(packet('tiff:Orientation="6"', ingredient))[0].orientation == 6


@pytest.mark.parametrize(
    ("xmp", "part"),
    [
        (packet('gain:Version="1.0"'), "a gain map"),
        (packet("", "<gain:GainMapMax><rdf:Seq/></gain:GainMapMax>"), "a gain map"),
        (packet('apple:HDRGainMapVersion="65536"'), "a gain map"),
        (packet("", '<C:Directory><C:Item Item:Semantic="GainMap"/></C:Directory>'), "a gain map"),
        (packet("", "<C:D><Item:Semantic>GainMap</Item:Semantic></C:D>"), "a gain map"),
        (packet('G:MotionPhoto="1" G:MotionPhotoVersion="1"'), "a video"),
        (packet("", "<G:MicroVideo>1</G:MicroVideo>"), "a video"),
        (packet("", "<C:D><C:Item Item:Semantic='MotionPhoto'/></C:D>"), "a video"),
        (packet("note:HasExtendedXMP='0123'"), "extended XMP"),
        (packet('depth:Format="RangeInverse"'), "a depth map"),
    ],
)
def test_a_part_that_is_left_out_is_told_of_and_no_longer_promised(xmp: bytes, part: str) -> None:
    metadata, notes = read(xmp.replace(b"rdf:about=", b"dc:title='t' rdf:about="))
    assert len(notes) == 1
    assert part in notes[0]
    assert stated(metadata.xmp) | {RDF + "about": ""} == stated(packet("dc:title='t'"))


def test_a_still_picture_of_a_camera_for_motion_lacks_nothing() -> None:
    assert not read(packet('G:MotionPhoto="0"'))[1]


def test_sizes_are_those_of_the_result() -> None:
    attributes = 'exif:PixelXDimension="9" exif:PixelYDimension="5"'
    sizes = "<tiff:ImageWidth>9</tiff:ImageWidth><tiff:ImageLength>5</tiff:ImageLength>"
    found = stated(read(packet(attributes, sizes))[0].sized(36, 20).xmp)
    assert found[EXIF + "PixelXDimension"] == found[TIFF + "ImageWidth"] == "36"
    assert found[EXIF + "PixelYDimension"] == found[TIFF + "ImageLength"] == "20"


def test_a_panorama_grows_with_its_picture() -> None:
    xmp = packet(
        'GPano:ProjectionType="equirectangular" GPano:CroppedAreaImageWidthPixels="100"'
        ' GPano:CroppedAreaImageHeightPixels="50" GPano:FullPanoWidthPixels="200"'
        ' GPano:FullPanoHeightPixels="100" GPano:CroppedAreaLeftPixels="30"',
        "<GPano:CroppedAreaTopPixels>25</GPano:CroppedAreaTopPixels>",
    )
    found = stated(read(xmp)[0].upright().sized(300, 150).xmp)
    numbers = {key.removeprefix(PANORAMA): value for key, value in found.items()}
    assert numbers["CroppedAreaImageWidthPixels"] == "300"
    assert numbers["CroppedAreaImageHeightPixels"] == "150"
    assert numbers["FullPanoWidthPixels"] == "600"
    assert numbers["FullPanoHeightPixels"] == "300"
    assert numbers["CroppedAreaLeftPixels"] == "90"
    assert numbers["CroppedAreaTopPixels"] == "75"
    assert numbers["ProjectionType"] == "equirectangular"


def test_faces_stay_where_they_are_unless_the_picture_is_turned() -> None:
    size = (
        '<mwg:Regions rdf:parseType="Resource"><mwg:AppliedToDimensions stDim:w="9" stDim:h="5"/>'
    )
    metadata, _ = read(packet("", size + "</mwg:Regions>"))
    found = stated(metadata.upright().sized(36, 20).xmp)
    assert found[SPACES["stDim"] + "w"] == "36"
    assert SPACES["mwg"] + "Regions" not in stated(metadata.upright(6).xmp)


def test_resolutions_swap_with_the_axes() -> None:
    xmp = packet("tiff:XResolution='72/1'", "<tiff:YResolution>300/1</tiff:YResolution>")
    found = stated(read(xmp)[0].upright(6).xmp)
    assert (found[TIFF + "XResolution"], found[TIFF + "YResolution"]) == ("300/1", "72/1")


def test_all_else_stays_byte_by_byte() -> None:
    rest = packet('dc:title = "a &lt; b&#10;c"', "<!-- note --><dc:creator>Zoë</dc:creator>\n")
    turned = rest.replace(b" rdf:about=", b" tiff:Orientation='3' rdf:about=")
    assert read(turned)[0].upright().xmp == rest


@pytest.mark.parametrize(
    "xmp",
    [
        b"rubbish",
        b"<a><b></a>",
        b'<!DOCTYPE a [<!ENTITY b "6">]><a>&b;</a>',
        b"<a>&unknown;</a>",
        b"<a>" * 200 + b"</a>" * 200,
        packet()[:-90],
    ],
)
def test_xmp_that_cannot_be_understood_is_left_out_with_a_note(xmp: bytes) -> None:
    metadata, notes = read(xmp)
    assert metadata.xmp is None
    assert notes == ("its XMP is damaged and was left out",)
