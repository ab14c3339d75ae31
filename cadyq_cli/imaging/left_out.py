"""Pictures of kinds that cannot be read, told by their names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

_JPEG_2000 = dict.fromkeys(["jp2", "j2k", "j2c", "jpc", "jpf", "jpx", "jpm"], "JPEG 2000")
_RAW = "3fr arw cr2 cr3 crw dcr dng erf fff iiq kdc mef mos mrw nef nrw orf pef raf raw rw2 rwl sr2"
_OTHERS = (
    "avifs cur dds djvu emf eps exr hdr heic heics heif heifs hif icns ico jbig2 jng"
    " jxl jxr pbm pcx pfm pgm pict pnm ppm psb psd qoi srf srw svg svgz tga wdp wmf x3f xbm"
    " xcf xpm apng"
)
_KINDS = _JPEG_2000 | {suffix: suffix.upper() for suffix in f"{_RAW} {_OTHERS}".split()}


def is_other_picture(path: Path) -> bool:
    """Whether a file is named like a picture that cannot be read."""
    return path.suffix[1:].lower() in _KINDS


def told(pictures: Sequence[Path]) -> str:
    """What to say of pictures that lie in a folder and are not used."""
    count = f"{len(pictures)} file{'s' if len(pictures) > 1 else ''}"
    return f"left out {count} that cannot be read: {kinds(pictures)}"


def kinds(pictures: Sequence[Path]) -> str:
    """How many there are of each kind: "3 HEIC, 1 DNG", the most frequent first."""
    suffixes = (path.suffix[1:].lower() for path in pictures)
    counted = Counter(_KINDS.get(suffix, suffix.upper()) for suffix in suffixes)
    return ", ".join(f"{count} {kind}" for kind, count in counted.most_common())
