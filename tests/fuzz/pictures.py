"""Pictures with bytes changed at random, each decoded in a process of its own, by hand:

python tests/fuzz/pictures.py --count 20000 --seed 1 tests/images/photo.png FOLDER
"""

from __future__ import annotations

import argparse
import io
import random
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from fuzz.isolation import clean, in_a_child, tally

from cadyq_cli.imaging.decoding import decode

FORMATS = ("PNG", "JPEG", "TIFF", "WEBP", "BMP", "GIF", "PPM", "AVIF")


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


def verdicts(files: list[bytes], count: int, seed: int) -> Iterator[tuple[str, str]]:
    for index in range(seed * count, (seed + 1) * count):
        content = mutant(files[index % len(files)], index)
        yield f"mutant {index}", in_a_child(partial(decode, io.BytesIO(content), "a picture"))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", type=Path, nargs="*", help="beside small ones of several formats")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    files = originals() + [path.read_bytes() for path in chosen.files]
    return 0 if clean(tally(verdicts(files, chosen.count, chosen.seed))) else 1


if __name__ == "__main__":
    sys.exit(main())
