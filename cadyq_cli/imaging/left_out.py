"""Pictures of kinds that cannot be read, told by their names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from cadyq_cli.imaging.kinds import kind_of

_JPEG_2000 = dict.fromkeys(["jp2", "j2k", "j2c", "jpc", "jpf", "jpx", "jpm"], "JPEG 2000")
_RAW = "3fr arw cr2 cr3 crw dcr dng erf fff iiq kdc mef mos mrw nef nrw orf pef raf raw rw2 rwl sr2"
_OTHERS = (
    "avifs cur dds djvu emf eps exr hdr heics heifs icns ico jbig2 jng"
    " jxr pbm pcx pfm pgm pict pnm ppm psb psd qoi srf srw svg svgz tga wdp wmf x3f xbm"
    " xcf xpm apng"
)
_KINDS = _JPEG_2000 | {suffix: suffix.upper() for suffix in f"{_RAW} {_OTHERS}".split()}


def is_other_picture(path: Path) -> bool:
    """Whether a file is named like a picture that cannot be read here."""
    return path.suffix[1:].lower() in _KINDS or _is_lacking(path)


def told(pictures: Sequence[Path]) -> str:
    """What to say of pictures that lie in a folder and are not used."""
    count = f"{len(pictures)} file{'s' if len(pictures) > 1 else ''}"
    to_read = installs(pictures)
    return f"left out {count} that cannot be read: {kinds(pictures)}" + (to_read and f"; {to_read}")


def installs(pictures: Sequence[Path]) -> str:
    """What to install to read those of them that something installed could read."""
    found = {kind.name: kind.plugin for kind in map(kind_of, pictures) if kind}
    return ", ".join(f"to read {name}: {each.install}" for name, each in found.items() if each)


def kinds(pictures: Sequence[Path]) -> str:
    """How many there are of each kind: "3 HEIC, 1 DNG", the most frequent first."""
    counted = Counter(map(_name, pictures))
    return ", ".join(f"{count} {kind}" for kind, count in counted.most_common())


def _is_lacking(path: Path) -> bool:
    """Whether what reads such a file is not installed."""
    kind = kind_of(path)
    return kind is not None and not kind.is_at_hand


def _name(path: Path) -> str:
    kind, suffix = kind_of(path), path.suffix[1:].lower()
    return kind.name if kind else _KINDS.get(suffix, suffix.upper())
