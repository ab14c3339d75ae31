"""Captions and keywords of press photographs are kept, or a note says so."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import tifffile
from PIL import Image
from PIL.IptcImagePlugin import getiptcinfo

from cadyq_cli.imaging.containers.statements import Statements
from cadyq_cli.imaging.files import create, read
from cadyq_cli.imaging.iptc import unwrapped
from cadyq_cli.imaging.metadata import Metadata


def data_set(record: int, number: int, value: bytes) -> bytes:
    return struct.pack(">BBBH", 0x1C, record, number, len(value)) + value


LONG = b"\x1c\x02\x78" + struct.pack(">HI", 0x8004, 40_000) + b"x" * 40_000  # a size of 4 bytes
SHORT = data_set(2, 5, b"Birds") + data_set(2, 25, b"nest\0")
RECORDS = SHORT + LONG


def written(path: Path, records: bytes) -> Path:
    with create(path, (4, 4, 3), metadata=Metadata(iptc=records)) as put:
        put(np.zeros((4, 4, 3), np.uint8))
    return path


@pytest.mark.parametrize("suffix", [".jpg", ".tif", ".png"])
def test_records_are_read_back_equal(tmp_path: Path, suffix: str) -> None:
    assert read(written(tmp_path / f"a{suffix}", RECORDS)).metadata.iptc == RECORDS


@pytest.mark.parametrize("suffix", [".jpg", ".tif"])
def test_pillow_finds_them(tmp_path: Path, suffix: str) -> None:
    with Image.open(written(tmp_path / f"a{suffix}", SHORT)) as image:
        found = cast("dict[Any, Any]", getiptcinfo(cast("Any", image)))
    assert found[(2, 5)] == b"Birds"
    assert found[(2, 25)] == b"nest\0"


def test_tifffile_finds_them(tmp_path: Path) -> None:
    with tifffile.TiffFile(written(tmp_path / "a.tif", RECORDS)) as file:
        assert file.pages[0].tags[33723].value == RECORDS


def test_png_has_them_in_hexadecimal_behind_their_size(tmp_path: Path) -> None:
    records = data_set(2, 5, b"Birds")
    with Image.open(written(tmp_path / "a.png", records)) as image:
        image.load()
        _, kind, size, *lines = str(image.info["Raw profile type iptc"]).split("\n")
    data = bytes.fromhex("".join(lines))
    assert kind == "iptc"
    assert int(size) == len(data)
    assert data == b"8BIM\x04\x04\0\0" + struct.pack(">I", 10) + records


def test_the_records_are_found_among_other_resources() -> None:
    path = b"8BIM" + struct.pack(">H", 2000) + b"\3abc" + struct.pack(">I", 3) + b"xyz\0"
    found = b"8BIM" + struct.pack(">H", 0x0404) + b"\0\0" + struct.pack(">I", 5) + b"12345\0"
    assert unwrapped(b"Photoshop 3.0\0" + path + found) == b"12345"


def test_what_tells_of_the_file_before_is_left_out() -> None:
    orientation, preview, lines = (2, 131, b"P"), (2, 202, b"abc"), (3, 20, b"\0\7")
    records = b"".join(data_set(*each) for each in (orientation, preview, lines))
    metadata, notes = Metadata.of(Statements(iptc=records + RECORDS + bytes(3)))
    assert metadata.iptc == RECORDS
    assert not notes


@pytest.mark.parametrize("records", [b"rubbish", RECORDS[:-1], RECORDS[:3], b"8BIM\4\4\0\0"])
def test_broken_records_are_left_out_with_a_note(records: bytes) -> None:
    metadata, notes = Metadata.of(Statements(iptc=records))
    assert metadata.iptc is None
    assert notes == ("its IPTC is damaged and was left out",)
