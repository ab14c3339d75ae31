"""Pictures with bytes changed at random, each read and written in a process of its own, by hand:

python tests/fuzz/pictures.py --minutes 60 tests/images/photo.png
"""

from __future__ import annotations

import argparse
import io
import itertools
import random
import sys
import time
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from fuzz.isolation import clean, in_a_child, tally

from cadyq_cli.imaging.decoding import decode
from cadyq_cli.imaging.files import encode
from cadyq_cli.imaging.formats import FORMATS as WRITTEN

FORMATS = ("PNG", "JPEG", "TIFF", "WEBP", "BMP", "GIF", "PPM", "AVIF")
XMP = (
    b"<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-"
    b"syntax-ns#'><rdf:Description xmlns:tiff='http://ns.adobe.com/tiff/1.0/' tiff:Orientation='8'"
    b" tiff:ImageWidth='17'/></rdf:RDF></x:xmpmeta>"
)


def originals() -> list[bytes]:
    """Small pictures of several formats and modes."""
    numbers = np.random.default_rng(0).integers(0, 256, (14, 17, 4), np.uint8)
    pictures = [Image.fromarray(numbers), Image.fromarray(numbers[..., :3])]
    pictures += [pictures[1].convert(mode) for mode in ("L", "P", "1", "CMYK")]
    found = []
    for name in FORMATS:
        for picture in pictures:
            buffer = io.BytesIO()
            try:
                picture.save(buffer, name)
            except (OSError, KeyError, ValueError):
                continue  # a mode that the format lacks, or a format that Pillow was built without
            found.append(buffer.getvalue())
    return found


def telling() -> list[bytes]:
    """Small pictures with EXIF, XMP, a profile and a resolution."""
    exif = Image.Exif()
    exif[0x010F], exif[0x0112], exif[0x011A], exif[0x011B] = "Camera", 6, 300.0, 150.0
    exif.get_ifd(0x8769)[0xA002] = 17
    stated = {
        "exif": exif.tobytes(),
        "xmp": XMP,
        "icc_profile": ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
        "comment": b"of a picture",
        "dpi": (300, 150),
    }
    found = []
    for name in FORMATS:
        buffer = io.BytesIO()
        try:
            Image.radial_gradient("L").resize((17, 14)).convert("RGB").save(buffer, name, **stated)
        except (OSError, KeyError, ValueError):
            continue
        found.append(buffer.getvalue())
    return found


def mutant(content: bytes, seed: int) -> bytes:
    """A file with a few bytes replaced, left out, repeated, or cut off."""
    chance = random.Random(seed)
    changed = bytearray(content)
    for _ in range(chance.choice((1, 1, 2, 4, 16))):
        at = chance.randrange(min(len(changed), chance.choice((64, 256, 1 << 30))) or 1)
        length = chance.choice((1, 1, 2, 4, 8))
        match chance.randrange(5):
            case 0 | 1:
                changed[at : at + length] = chance.randbytes(length)
            case 2:
                changed[at : at + length] = chance.choice((b"\x00", b"\xff", b"\x7f")) * length
            case 3:
                changed[at : at + length] = b""
            case _:
                changed[at:at] = changed[at : at + chance.choice((1, 16, 256))]
    return bytes(
        changed[: chance.randrange(len(changed) + 1)] if chance.random() < 0.1 else changed
    )


def read_and_written(content: bytes, number: int) -> None:
    """Read a picture, write it in one of the formats, and read that.

    Raises:
        CadyqError: it cannot be read, or does not fit the format.
        ValueError: the sides changed on the way.
    """
    picture = decode(io.BytesIO(content), "a picture", max_pixels=1 << 20)
    colour = picture.pixels[..., : picture.colours]
    shape = (*colour.shape[:2], picture.channels)
    whole = colour if picture.alpha is None else np.dstack([colour, picture.alpha])
    buffer = io.BytesIO()
    file_format = WRITTEN[number % len(WRITTEN)]
    with encode(
        buffer, file_format, shape, whole.dtype, name="a result", metadata=picture.metadata
    ) as put:
        put(whole)
    again = decode(buffer, "a result")
    if again.pixels.shape != picture.pixels.shape:
        raise ValueError(f"{picture.pixels.shape} became {again.pixels.shape}")


def verdicts(files: list[bytes], seeds: Iterable[int]) -> Iterator[tuple[str, str]]:
    for index in seeds:
        content = mutant(files[index % len(files)], index)
        number = index // len(files)
        yield f"mutant {index}", in_a_child(partial(read_and_written, content, number))


def until(end: float, start: int) -> Iterator[int]:
    """Seeds, until a time by `time.monotonic`."""
    return itertools.takewhile(lambda _: time.monotonic() < end, itertools.count(start))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", type=Path, nargs="*", help="beside small ones of several formats")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--minutes", type=float, help="go on for so long, whatever the count")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    files = originals() + telling() + [path.read_bytes() for path in chosen.files]
    start = chosen.seed * chosen.count
    seeds: Iterable[int] = range(start, start + chosen.count)
    if chosen.minutes:
        seeds = until(time.monotonic() + 60 * chosen.minutes, start)
    return 0 if clean(tally(verdicts(files, seeds))) else 1


if __name__ == "__main__":
    sys.exit(main())
