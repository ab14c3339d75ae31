"""A format keeps all the metadata that fits, and a note tells of the rest."""

from __future__ import annotations

import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from cadyq_cli.imaging.containers.statements import Statements
from cadyq_cli.imaging.files import create, read
from cadyq_cli.imaging.formats import FORMATS, Format, format_named
from cadyq_cli.imaging.metadata import Metadata

EXIF = b"II*\0\x08\0\0\0\1\0" + struct.pack("<HHI4s", 0x010F, 2, 4, b"Mak\0") + bytes(4)
XMP = b"<x><y/></x>"
RECORDS = b"\x1c\x02\x05\0\5Birds"
ALL = Metadata(exif=EXIF, xmp=XMP, iptc=RECORDS, comment=b"caf\xe9", text={"Title": "t"})
KINDS = {"exif": "EXIF", "xmp": "XMP", "iptc": "IPTC", "comment": "a comment", "text": "text"}


def written(path: Path, metadata: Metadata) -> Path:
    with create(path, (4, 4, 3), metadata=metadata, overwrite=True) as put:
        put(np.zeros((4, 4, 3), np.uint8))
    return path


def notes(metadata: Metadata, name: str) -> list[str]:
    return list(format_named(name).room.notes(metadata, name))


@pytest.mark.parametrize(
    "each", [each for each in FORMATS if each.kind.is_at_hand], ids=lambda each: each.name
)
def test_what_is_not_read_back_is_told(tmp_path: Path, each: Format) -> None:
    name, suffix = each.name, each.suffix
    found = read(written(tmp_path / f"a{suffix}", ALL)).metadata
    told = " ".join(notes(ALL, name))
    for kind, words in KINDS.items():
        assert bool(getattr(found, kind)) != (words in told)


@pytest.mark.parametrize(
    ("kind", "block", "most"),
    [
        ("exif", EXIF, 65_533 - 6),  # behind "Exif" and two zeros
        ("xmp", XMP, 65_533 - 29),  # behind an address and a zero
        ("iptc", b"", 65_533 - 14 - 12 - 1),  # in Photoshop's wrapping, of an even length
        ("comment", b"", 65_533),
    ],
)
def test_a_segment_of_jpeg_is_used_to_its_last_byte(
    tmp_path: Path, kind: str, block: bytes, most: int
) -> None:
    for size in (most, most + 1):
        if kind == "iptc":
            head = b"\x1c\x02\x78" + struct.pack(">HI", 0x8004, size - 9)
            data = head + b"x" * (size - 9)
        else:
            data = block + (b" " if kind == "xmp" else b"x") * (size - len(block))
        metadata = replace(Metadata(), **{kind: data})  # type: ignore[arg-type]
        found = read(written(tmp_path / "a.jpg", metadata)).metadata
        assert getattr(found, kind) == (data if size == most else None)
        assert len(notes(metadata, "JPEG")) == (0 if size == most else 1)


def test_a_comment_of_any_encoding_keeps_its_bytes(tmp_path: Path) -> None:
    comment = "Straße".encode("cp1252")
    Image.new("RGB", (4, 4)).save(tmp_path / "a.jpg", comment=comment)
    metadata = read(tmp_path / "a.jpg").metadata
    with Image.open(written(tmp_path / "b.jpg", metadata)) as image:
        assert image.info["comment"] == comment
    assert b"tEXtComment\0" + comment in written(tmp_path / "b.png", metadata).read_bytes()


def test_tags_of_pixels_in_exif_do_not_become_those_of_a_tiff(tmp_path: Path) -> None:
    """As in the EXIF of some converters; SampleFormat 3 would make the pixels floats."""
    entries = [(0x0103, 7), (0x0106, 6), (0x0153, 3)]  # Compression, photometric, SampleFormat
    exif = b"II*\0\x08\0\0\0" + struct.pack("<H", len(entries))
    exif += b"".join(struct.pack("<HHIHH", tag, 3, 1, value, 0) for tag, value in entries)
    path = written(tmp_path / "a.tif", Metadata(exif=exif + bytes(4)))
    with Image.open(path) as image:
        assert image.mode == "RGB"
        assert 0x0153 not in image.tag_v2


texts = st.text(st.characters(codec="utf-8", exclude_characters="\0\r\n"), min_size=1, max_size=30)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(value=st.binary(max_size=4), tail=st.binary(max_size=50), title=texts, author=texts)
def test_what_was_written_is_read_back_equal(
    tmp_path_factory: pytest.TempPathFactory, value: bytes, tail: bytes, title: str, author: str
) -> None:
    folder = tmp_path_factory.mktemp("a")
    exif = b"MM\0*\0\0\0\x08\0\1" + struct.pack(">HHI4s", 0x010F, 2, 4, value) + bytes(4) + tail
    records = struct.pack(">BBBH", 0x1C, 2, 120, len(tail)) + tail
    xmp = f"<x><!--{tail.hex()}--><y/></x>".encode()
    metadata = Metadata(exif=exif, xmp=xmp, iptc=records, comment=title.encode())
    for name in ("a.png", "a.jpg"):
        assert read(written(folder / name, metadata)).metadata == metadata
    found = read(written(folder / "a.tif", metadata)).metadata
    assert (found.xmp, found.iptc) == (xmp, records)
    assert found.exif is not None
    assert value in found.exif
    text = replace(metadata, text={"Author": author, "Title": title})
    assert read(written(folder / "b.png", text)).metadata == text


# Bytes that look like metadata in places, so that more than the first check sees them
pieces = st.one_of(
    st.binary(max_size=12),
    st.sampled_from([b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08", b"\x12\1\3\0\1\0\0\0\6\0", bytes(4)]),
    st.sampled_from([b"\x69\x87\4\0\1\0\0\0", b"\x1c\2\5\0\2ab", b"8BIM\4\4\0\0\0\0\0\7"]),
    st.sampled_from([b"<x xmlns:tiff='http://ns.adobe.com/tiff/1.0/'>", b"</x>", b"<y", b"/>"]),
    st.sampled_from([b"<tiff:Orientation>", b"</tiff:Orientation>", b" tiff:Orientation='6'"]),
    st.sampled_from([b"6", b"&#54;", b"<![CDATA[", b"]]>", b"\xff\xfe", b"<\0"]),
)
blocks = st.lists(pieces, max_size=12).map(b"".join)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(exif=blocks, xmp=blocks, iptc=blocks, comment=blocks)
def test_any_bytes_become_metadata_that_can_be_turned_sized_and_written(
    tmp_path_factory: pytest.TempPathFactory, exif: bytes, xmp: bytes, iptc: bytes, comment: bytes
) -> None:
    given_blocks = Statements(exif=exif, xmp=xmp, iptc=iptc, comment=comment)
    metadata, told = Metadata.of(given_blocks)
    assert all(each.startswith(("its ", "holds ")) for each in told)
    assert 1 <= metadata.orientation <= 8
    after = metadata.upright(6).sized(70_000, 3)
    assert after.orientation == 1
    folder = tmp_path_factory.getbasetemp()
    for suffix in (".png", ".tif", ".jpg", ".webp"):
        assert read(written(folder / f"any{suffix}", after)).pixels.shape == (4, 4, 3)
