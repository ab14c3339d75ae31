"""Test sets: high-resolution images, each with the small one that a network gets to see."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cadyq_cli.degradations.degradation import Degradation
from cadyq_cli.degradations.degrading import degraded_by_name
from cadyq_cli.errors import FileError, ImageError
from cadyq_cli.imaging.colour import luma
from cadyq_cli.imaging.files import read
from cadyq_cli.imaging.kinds import can_be_read
from cadyq_cli.imaging.left_out import is_other_picture, told
from cadyq_cli.imaging.resize import crop_to_multiple, imresize
from cadyq_cli.imaging.versions import versions

SCALES = (2, 3, 4)

_OF_A_SET = re.compile(r"HR|image_SRF_\d")  # folders inside one

Pixels = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Pair:
    """One test image."""

    truth: Pixels  # (h * scale, w * scale, 3) uint8, or (h * scale, w * scale) luma in 0..255
    small: Pixels  # the same at (h, w)

    def degraded(self, by: Degradation, name: str) -> Pair:
        """The pair with a small image, RGB, to which has happened what its name decides."""
        return replace(self, small=degraded_by_name(by, self.truth, self.small, name))


@dataclass(frozen=True, slots=True)
class Source:
    """Where the pixels of one test image come from."""

    truth: Path
    small: Path | None  # None: to be made from the truth

    @property
    def name(self) -> str:
        return self.truth.stem

    def load(self, scale: int) -> Pair:
        """Read the pixels; the truth loses the last rows and columns that exceed the scale.

        A missing small image is made as MATLAB's `imresize` does, rounded to 8 bit.

        Raises:
            ImageError: a file is no 8-bit opaque image, too small, or the sizes do not fit.
        """
        truth = _cropped(self.truth, _read(self.truth), scale)
        if self.small is None:
            return Pair(truth, imresize(truth, 1 / scale))
        small = _read(self.small)
        height, width = (length // scale for length in truth.shape[:2])
        if small.shape[:2] != (height, width):
            have, want = f"{small.shape[1]}x{small.shape[0]} px", f"{width}x{height} px"
            raise ImageError(self.small, f"has {have} where {self.truth} / {scale} has {want}")
        return Pair(truth, small)

    def load_luma(self, scale: int) -> Pair:
        """The luma of the truth, rounded to whole values, and the same shrunk but not rounded.

        A file of one channel is taken as luma as it is, 0..255; small images of a test set are not
        used. This is how SRCNN, VDSR and the papers that copy their bicubic figures began.

        Raises:
            ImageError: as for `load`.
        """
        pixels = _read(self.truth)
        plane = pixels[..., 0].astype(float) if _one_channel(self.truth) else np.rint(luma(pixels))
        truth = _cropped(self.truth, plane, scale)
        return Pair(truth, imresize(truth, 1 / scale))


@dataclass(frozen=True, slots=True)
class Dataset:
    """The images of a test set, sorted by name."""

    name: str
    sources: tuple[Source, ...]
    shrunk: Path | None  # the folder of the small images; None: they are made
    others: tuple[Path, ...] = ()  # pictures in its folders of kinds that cannot be read


def discover(folder: Path, scale: int, *, shrunk: Path | None = None) -> Dataset:
    """Find the images of a test set.

    The truths are all files of the folder, or of ``HR`` or ``image_SRF_4`` inside it (4 being the
    scale), but for those that are smaller or resampled versions of others by their names. The small
    ones are those of `shrunk`, else of ``LR_bicubic/X4`` beside ``HR`` if it exists, else such
    versions, else they are made. A small image is named like its truth, or with ``x4``, ``_x4``,
    ``_LR`` or ``_LR4`` appended or in place of ``_HR``, and may be of another format. Hidden files
    do not count.

    Raises:
        FileError: a folder is missing, empty, or holds folders where images belong; two files of
            one name; a truth without its small image, or the other way round.
    """
    inside = (folder / name for name in ("HR", f"image_SRF_{scale}"))
    root = next((each for each in inside if each.is_dir()), folder)
    others: list[Path] = []
    truths, smalls = _told_apart(_by_stem(root, others), root, scale)
    beside = folder / "LR_bicubic" / f"X{scale}"
    if shrunk is None and root != folder and beside.is_dir():
        shrunk = beside
    if shrunk is None and smalls:
        shrunk = root
    elif shrunk is not None:
        smalls = _by_stem(shrunk, others)
    if shrunk is None:
        sources = [Source(path, None) for path in truths.values()]
    else:
        sources = _paired(truths, smalls, shrunk, scale)
    whole = folder.resolve()
    name = whole.parent.name if _OF_A_SET.fullmatch(whole.name) else whole.name
    return Dataset(name, tuple(sources), shrunk, tuple(others))


def _by_stem(folder: Path, others: list[Path]) -> dict[str, Path]:
    """The images of a folder; those that cannot be read become part of `others` instead."""
    if not folder.is_dir():
        raise FileError(folder, "no such folder")
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if not (path.is_dir() or can_be_read(path)):
            if is_other_picture(path):
                others.append(path)
            continue
        if path.is_dir():
            hint = "name each folder of images by itself"
            raise FileError(path, f"is a folder where {folder} should hold images", hint=hint)
        if path.stem in found:
            raise FileError(path, f"has the name of {found[path.stem].name}, which of them counts?")
        found[path.stem] = path
    if not found:
        but = f"; {told(others)}" if others else ""
        raise FileError(folder, f"holds no images that can be read{but}")
    return found


def _told_apart(
    files: dict[str, Path], folder: Path, scale: int
) -> tuple[dict[str, Path], dict[str, Path]]:
    """The truths among the files of a folder, and their small versions of a scale."""
    found = versions(files)
    large = {stem: version for stem, version in found.items() if version.kind == "large"}
    if any(version.scale == scale for version in large.values()):  # there are several of each
        large = {stem: version for stem, version in large.items() if version.scale == scale}
    bases = {version.base for version in found.values() if version.kind == "large"}
    for stem, version in found.items():
        if version.base not in bases:
            reason = f"is no original by its name, and {folder} holds none that it belongs to"
            raise FileError(files[stem], reason, hint="name the folder of the originals")
    smalls = {
        stem: files[stem]
        for stem, version in found.items()
        if version.kind == "small" and version.scale in (None, scale)
    }
    return {stem: files[stem] for stem in large}, smalls


def _paired(
    truths: dict[str, Path], smalls: dict[str, Path], folder: Path, scale: int
) -> list[Source]:
    bases = {stem: version.base for stem, version in versions(truths).items()}
    found: dict[str, dict[int | None, Path]] = {base: {} for base in bases.values()}
    known = versions({*smalls, *found})
    for stem, path in smalls.items():
        base, kind, own_scale = known[stem]
        if base not in found:
            raise FileError(path, "belongs to no high-resolution image")
        if kind != "other" and (rival := found[base].setdefault(own_scale, path)) != path:
            raise FileError(path, f"is as small as {rival.name}, which of them counts?")
    sources = []
    for stem, truth in truths.items():
        small = found[bases[stem]].get(scale) or found[bases[stem]].get(None)
        if small is None:
            raise FileError(truth, f"has no image x{scale} of its name in {folder}")
        sources.append(Source(truth, small))
    return sources


def _read(path: Path) -> Pixels:
    picture = read(path)
    if picture.pixels.dtype != np.uint8:
        raise ImageError(path, "has 16 bits a channel, the protocol is one of 8-bit images")
    if picture.alpha is not None and picture.alpha.min() < 255:
        raise ImageError(path, "is transparent, so what it shows is not defined")
    return picture.pixels


def _cropped(path: Path, pixels: Pixels, scale: int) -> Pixels:
    cropped = crop_to_multiple(pixels, scale)
    if not cropped.size:
        raise ImageError(path, f"is too small to be shrunk {scale} times")
    return cropped


def _one_channel(path: Path) -> bool:
    """Whether a readable image is stored in gray, not only of equal channels."""
    with Image.open(path) as image:
        return bool(image.mode == "L")
