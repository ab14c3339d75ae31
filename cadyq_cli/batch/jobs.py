"""Turns what the command line names into a list of jobs: one image in, one file out."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from os import path as os_path
from os import walk
from pathlib import Path
from unicodedata import normalize

from cadyq_cli.errors import FileError, ImageError, InputError
from cadyq_cli.imaging.formats import Format, format_named, format_of
from cadyq_cli.imaging.kinds import READABLE, can_be_read, writable
from cadyq_cli.imaging.left_out import installs, is_other_picture, kinds
from cadyq_cli.imaging.streams import STREAM, is_stream, source_named, target_named
from cadyq_cli.imaging.windows_names import check_name


@dataclass(frozen=True, slots=True)
class Job:
    """An image, and the file to make of it."""

    source: Path
    target: Path
    format: Format | None  # None: that of the image itself, on standard output


@dataclass(frozen=True, slots=True)
class Naming:
    """What to call the files that are written.

    Attributes:
        suffix: Appended to the name of the image, such as "_x4".
        output: A file, a folder or "-"; None puts results beside their images. A trailing slash,
            or several images, make it a folder.
        format: None for the one that the image's name says, or PNG where that cannot be written.
        extension: Of files that `output` does not name; None for that of the format.

    Raises:
        InputError: the suffix would lead to another folder.
    """

    suffix: str
    output: str | None = None
    format: Format | None = None
    extension: str | None = None

    def __post_init__(self) -> None:
        if set(self.suffix) & set("/\\"):
            raise InputError(f"`suffix` {self.suffix!r} is no part of a file's name")


def plan(
    sources: Sequence[Path],
    naming: Naming,
    *,
    recursive: bool = False,
    leave_out: Callable[[Path], object] | None = None,
    cannot_read: Callable[[Path], object] = lambda _: None,
) -> list[Job]:
    """Decide what becomes of each image. Folders are searched for images; their tree is kept.

    Args:
        sources: Images and folders.
        naming: Of the results.
        recursive: Whether to search folders inside folders, too.
        leave_out: Called with each source that is another one's result, as after an earlier run;
            that source is left out. None refuses it.
        cannot_read: Called with each picture in a folder that is named as one of another kind than
            those that can be read.

    Raises:
        InputError: results would replace each other or an image, or have no format.
        FileError: there is nothing to do, or no place for the result.
        ImageError: the system knows no such name as a result would have.
    """
    sources = [*map(source_named, sources)]
    if naming.output is not None:
        naming = replace(naming, output=target_named(naming.output))
    others: list[Path] = []
    try:
        jobs = _planned(sources, naming, recursive=recursive, others=others)
        for other in others:
            cannot_read(other)
        for job in jobs:
            check_name(job.target)
        return _distinct(jobs if leave_out is None else _without_results(jobs, leave_out))
    except OSError as error:
        raise FileError(error.filename, f"cannot be read: {error.strerror}") from error


def _planned(
    sources: Sequence[Path], naming: Naming, *, recursive: bool, others: list[Path]
) -> list[Job]:
    alone = len(sources) == 1 and not sources[0].is_dir()
    if naming.output == "":
        raise InputError("`output`: a name is missing")
    if naming.output == str(STREAM) and not alone:
        raise InputError("`output` -: standard output takes one image")
    if alone and sources[0] != STREAM and not (sources[0].exists() or sources[0].is_symlink()):
        raise ImageError(sources[0], "no such file or folder")
    if alone and naming.output is not None and not names_a_folder(naming.output):
        jobs = [_single(sources[0], naming)]
    elif alone and is_stream(sources[0]) and naming.output is None:
        jobs = [Job(sources[0], STREAM, naming.format)]
    else:
        jobs = [*_many(sources, naming, recursive=recursive, others=others)]
    if not jobs:
        reason = f"no images there that can be read ({READABLE})"
        if others:
            reason += f", but {kinds(others)}"
        deeper = not recursive and any(each.is_dir() for s in sources for each in s.iterdir())
        into = "`recursive` looks into the folders inside" if deeper else ""
        hint = installs(others) or into
        raise FileError(", ".join(map(str, sources)), reason, hint=hint)
    return jobs


def shard(jobs: Sequence[Job], index: int, count: int) -> Sequence[Job]:
    """The jobs of machine `index`, 1 to `count`: every one belongs to exactly one machine.

    Raises:
        InputError: there is no such machine.
    """
    if not 1 <= index <= count:
        raise InputError(f"`shard` {index}/{count}: should be I/N, with I from 1 to N")
    return jobs[index - 1 :: count]


def names_a_folder(output: str) -> bool:
    """Whether an output is a folder, there or not, rather than a file."""
    return output.endswith(("/", os_path.sep)) or (output != str(STREAM) and _is_folder(output))


def _single(source: Path, naming: Naming) -> Job:
    target = Path(naming.output or "")
    if target == STREAM:
        return Job(source, target, naming.format)
    if not target.parent.is_dir():
        raise ImageError(target, f"there is no folder {target.parent}")
    if naming.format is None:
        if not target.suffix:
            raise InputError(
                f"`output` {target}: end it with / for a folder, or with .png or the like"
            )
        return Job(source, target, format_of(target))
    if is_image_name(target) and format_of(target) != naming.format:
        raise InputError(
            f"`output` {target} and `file_format` {naming.format.name} contradict each other"
        )
    return Job(source, target, naming.format)


def _many(
    sources: Sequence[Path], naming: Naming, *, recursive: bool, others: list[Path]
) -> Iterator[Job]:
    folder = None if naming.output is None else Path(naming.output)
    if folder is not None and (folder.is_file() or is_image_name(folder)):
        raise InputError(f"`output` {folder}: several images need a folder to go to")
    for source in sources:
        if source == STREAM:
            raise InputError("- is standard input, which is one image; give it an `output` FILE")
        if source.is_dir():
            to = folder or _beside(source, naming.suffix)
            for image in images_in(source, recursive=recursive, but=to, others=others):
                yield _job(image, to / image.parent.relative_to(source), naming)
        else:
            yield _job(source, folder or source.parent, naming)


def is_image_name(path: Path) -> bool:
    """Whether a path ends like an image that can be written, and is not a folder."""
    return not _is_folder(path) and writable(path.suffix[1:]) is not None


def _is_folder(path: Path | str) -> bool:
    """As `Path.is_dir`, which raises if a name is too long to be one."""
    return os_path.isdir(path)  # noqa: PTH112


def _beside(folder: Path, suffix: str) -> Path:
    """The folder for a folder's results; the root is its own."""
    if folder.name in ("", ".."):
        folder = folder.resolve()
    return folder.with_name(folder.name + suffix) if folder.name else folder


def images_in(folder: Path, *, recursive: bool, but: Path, others: list[Path]) -> Iterator[Path]:
    """Files named like images, except hidden ones and those in the folder `but`.

    Those named like images that cannot be read become part of `others` instead.

    Folders that cannot be read are included: reading them as images will say why.
    """
    unreadable: list[OSError] = []
    out = os_path.realpath(but)
    for place, folders, names in walk(folder, onerror=unreadable.append):
        if recursive:
            folders[:] = sorted(
                name
                for name in folders
                if not name.startswith(".") and os_path.realpath(Path(place) / name) != out
            )
        else:
            names += folders  # one called x.png is not passed over in silence
            folders.clear()
        for name in sorted(names):
            path = Path(place) / name
            if name.startswith(".") or _blocks(path):
                continue
            if can_be_read(path):
                yield path
            elif is_other_picture(path) and path.is_file():
                others.append(path)
    yield from (Path(error.filename) for error in unreadable)


def _blocks(path: Path) -> bool:
    """Whether reading a file would wait for another process, or for a device."""
    return path.is_fifo() or path.is_socket() or path.is_char_device()


def _job(source: Path, folder: Path, naming: Naming) -> Job:
    file_format, extension = naming.format, naming.extension
    if file_format is None:
        try:
            file_format, extension = format_of(source), extension or source.suffix
        except InputError:
            file_format = format_named("PNG")
    extension = extension or file_format.suffix
    return Job(source, folder / f"{source.stem}{naming.suffix}{extension}", file_format)


def _without_results(jobs: Sequence[Job], leave_out: Callable[[Path], object]) -> list[Job]:
    results = {_target_place(job) for job in jobs if _target_place(job) != _place(job.source)}
    kept = []
    for job in jobs:
        if job.source != STREAM and _place(job.source) in results:
            leave_out(job.source)
        else:
            kept.append(job)
    return kept


def _distinct(jobs: Sequence[Job]) -> list[Job]:
    """The jobs in the order of their targets' names, each once."""
    sources = {_place(job.source): job.source for job in jobs}
    result, clashes = [], []
    for place, rivals in groupby(sorted(jobs, key=_target_place), key=_target_place):
        job, *others = rivals
        for other in others:
            if _place(other.source) != _place(job.source):
                clashes.append(f"{job.source} and {other.source} would both become {job.target}")
        if place == _place(job.source) and job.target != STREAM:
            raise ImageError(job.target, "is the input", hint="name another file with `output`")
        if place in sources and job.target != STREAM:
            hint = "`skip_existing` or `overwrite` leaves it out"
            raise InputError(f"{job.target}, made from {job.source}, is an input itself; {hint}")
        result.append(job)
    if clashes:
        hint = "rename one of each pair, or take them one by one, each with its own `output`"
        raise InputError(f"{', '.join(clashes)}; {hint}")
    return result


def _target_place(job: Job) -> str:
    return _place(job.target)


def _place(path: Path) -> str:
    """One name for each file, whichever path leads there."""
    place = os_path.normcase(os_path.realpath(path))
    if sys.platform == "darwin":  # most of its disks tell neither case nor ways to write an accent
        return normalize("NFC", normalize("NFC", place).casefold())
    return place
