"""Finds photographs, and tells which of them can be learned from."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cadyq_cli.atomic import write_whole
from cadyq_cli.errors import ImageError, InputError
from cadyq_cli.imaging.kinds import can_be_read
from cadyq_cli.imaging.left_out import is_other_picture
from cadyq_cli.imaging.versions import versions
from cadyq_cli.plain_json import parsed
from cadyq_cli.training.data.photographs import read_pixels

# DIV2K_train_LR_bicubic/X4 holds 0001x4.png ...; others call theirs LR, LR_bicubic, train_LR, LRx4
_SMALL = re.compile(r"(.+_)?LR(_.+|_?x?\d)?")

Track = Callable[[Sequence[Path]], Iterable[Path]]  # hands out files, such as a progress bar


@dataclass(frozen=True, slots=True)
class Survey:
    """What a check of image files found."""

    usable: tuple[Path, ...]
    pixels: int  # of the usable ones
    broken: tuple[str, ...]  # a line each: file and cause
    too_small: int  # images left out because no crop fits in
    changed: bool  # since they were remembered
    entries: Mapping[str, Any]  # all that is known of each file

    def remember(self, path: Path) -> None:
        """Write what was found, so that the next check need not decode what has not changed.

        Raises:
            FileError: it cannot be written.
        """
        write_whole(path, json.dumps(self.entries).encode())


def find(
    folders: Sequence[Path], *, cannot_read: Callable[[Path], None] | None = None
) -> list[Path]:
    """The image files below some folders, in a fixed order.

    Folders named as DIV2K names them are understood: what lies in ``*_LR_*`` are not photographs
    but their small versions (see `photographs`), and beside ``*_train_HR``, ``*_valid_HR`` is for
    validation. Of a folder that holds photographs and other versions of them, see `versions`, the
    photographs are taken. `cannot_read` is told of each picture of a kind that cannot be read.

    Raises:
        InputError: a folder is missing, or there is no image at all.
    """
    files: list[Path] = []
    for folder in folders:
        if not folder.exists():
            raise InputError(f"{folder}: no such file or folder")
        found = [folder] if folder.is_file() else sorted(folder.rglob("*"))
        inside = [f for f in found if f == folder or not f.name.startswith(".")]
        images = [f for f in inside if can_be_read(f) and not _kept_apart(f, folder)]
        if cannot_read and not folder.is_file():
            for other in filter(is_other_picture, inside):
                cannot_read(other)
        files += images if folder.is_file() else _originals(images)
    if not files:
        raise InputError(f"{', '.join(map(str, folders))}: holds no photographs")
    return files


def _originals(images: Sequence[Path]) -> list[Path]:
    """The images but for those that their names call smaller or resampled versions of others."""
    stems: defaultdict[Path, list[str]] = defaultdict(list)
    for image in images:
        stems[image.parent].append(image.stem)
    found = {folder: versions(names) for folder, names in stems.items()}
    return [image for image in images if found[image.parent][image.stem].kind == "large"]


def survey(
    files: Sequence[Path],
    *,
    smallest: int,
    remembered: Path | None = None,
    look: Callable[[Path], NDArray[np.uint8]] = read_pixels,
    track: Track = iter,
) -> Survey:
    """Decode every file once to see what it is.

    Args:
        files: Images.
        smallest: Pixels that both sides need.
        remembered: What an earlier check found, if it is there: usable files that have not changed
            since are not decoded again.
        look: Decodes a file, and may keep what it sees.
        track: Hands out the files it is given.

    Raises:
        InputError: nothing is left.
    """
    before = _recall(remembered)
    found: dict[str, Any] = {}
    for file in track(files):
        try:
            status = file.stat()
            state = [status.st_size, status.st_mtime_ns]
            known = before.get(str(file), {})
            if "size" in known and known["state"] == state:  # what was broken may have been mended
                found[str(file)] = known
                continue
            height, width, _ = look(file).shape
            found[str(file)] = {"state": state, "size": [height, width]}
        except OSError as error:
            reason = f"{file}: cannot be read: {error.strerror or error}"
            found[str(file)] = {"broken": reason}
        except ImageError as error:
            found[str(file)] = {"broken": str(error)}
    sizes = {name: entry["size"] for name, entry in found.items() if "size" in entry}
    usable = {name: size for name, size in sizes.items() if min(size) >= smallest}
    broken = [entry["broken"] for entry in found.values() if "broken" in entry]
    if not usable:
        reason = f"{len(broken)} broken, {len(sizes)} smaller than {smallest} px"
        raise InputError(f"none of the {len(files)} images is usable: {reason}")
    pixels = sum(height * width for height, width in usable.values())
    return Survey(
        usable=tuple(map(Path, usable)),
        pixels=pixels,
        broken=tuple(broken),
        too_small=len(sizes) - len(usable),
        changed=bool(before) and _without_times(found) != _without_times(before),
        entries=found,
    )


def _kept_apart(file: Path, folder: Path) -> bool:
    for parent in file.relative_to(folder).parents:
        name = parent.name
        training = f"{name.removesuffix('_valid_HR')}_train_HR"
        if _SMALL.fullmatch(name) or (
            name.endswith("_valid_HR") and (folder / parent).with_name(training).is_dir()
        ):
            return True
    return False


def _without_times(entries: Mapping[str, Any]) -> dict[str, Any]:
    """What was found, but for when files were written: copied and mounted ones get a new time."""
    return {
        name: (entry["state"][0], entry["size"]) if "size" in entry else entry
        for name, entry in entries.items()
    }


def _recall(remembered: Path | None) -> dict[str, Any]:
    """What an earlier check wrote, as far as it can be understood: it only saves time."""
    if remembered is None:
        return {}
    try:
        entries = parsed(remembered.read_bytes())
    except (OSError, ValueError):
        return {}
    if not isinstance(entries, dict):
        return {}
    return {name: entry for name, entry in entries.items() if _is_entry(entry)}


def _is_entry(entry: Any) -> bool:
    """Whether an entry tells the size of a usable file, or why another one is none."""
    if not isinstance(entry, dict):
        return False
    if entry.keys() == {"broken"}:
        return isinstance(entry["broken"], str)
    return entry.keys() == {"state", "size"} and all(
        isinstance(pair, list) and len(pair) == 2 and all(type(n) is int and n >= 0 for n in pair)
        for pair in entry.values()
    )
