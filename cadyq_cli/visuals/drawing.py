"""From an image file to the file of its figure or page."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image

from cadyq_cli.engine.runner import Runner
from cadyq_cli.errors import FileError, ImageError, InputError
from cadyq_cli.imaging import files
from cadyq_cli.imaging.atomic import replacing
from cadyq_cli.imaging.decoding import MAX_PIXELS, decode
from cadyq_cli.imaging.formats import Format
from cadyq_cli.imaging.metadata import Metadata
from cadyq_cli.imaging.picture import Picture
from cadyq_cli.upscaling import Tracker
from cadyq_cli.visuals.bitmap import BitMap
from cadyq_cli.visuals.figure import Pixels
from cadyq_cli.visuals.mapping import bit_map, profile
from cadyq_cli.visuals.report import page
from cadyq_cli.visuals.views import View, comparison, visible

PAGE = ".html"
STREAM = Path("-")  # standard input or output


@dataclass(frozen=True, slots=True)
class Drawn:
    """What was drawn."""

    maps: tuple[BitMap, ...]  # one a network
    notes: tuple[str, ...]  # what to know about how the image was read


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """What is made of every image of a batch; call it with one. Threads may share it.

    What is wrong with an image, or the place for its result, shows before a network is opened.
    """

    view: View
    networks: Mapping[str, Callable[[], Runner]]  # one, or two to compare, by their names
    numbers: BitMap | None = None  # to draw instead of what a network finds
    tile: int = 0
    finer: int = 1
    over_output: bool = False
    as_page: bool = False
    npz: bool = False  # beside the figure, its numbers
    overwrite: bool = False
    max_input_pixels: int = MAX_PIXELS

    def __call__(
        self, source: Path, target: Path, file_format: Format | None, track: Tracker = iter
    ) -> Drawn:
        """Make the figure or the page of an image.

        Args:
            source, target: `STREAM` is standard input or output.
            file_format: Of the figure; None for the one that its name says.
            track: Hands out the patches it is given, such as a progress bar.

        Raises:
            FileError: the image cannot be read, or the result not be written.
            InputError, CheckpointError: no image could be drawn like this.
        """
        arrays = target.with_suffix(".npz")
        for path in (target, arrays) if self.npz else (target,):
            if path != STREAM:
                self._check_place(source, path)
        picture = self._read(source)
        pixels, maps = self._measured(source, picture, track)
        icc = profile(picture)
        if self.as_page:
            text = page(pixels, maps[0], self.view, icc=icc)
            with _creating(target) as file:
                file.write(text.encode())
        else:
            self._write(target, file_format, self._figure(pixels, maps), icc)
        if self.npz:
            with _creating(arrays) as file:
                maps[0].save_npz(file)
        return Drawn(maps, picture.notes)

    def _check_place(self, source: Path, path: Path) -> None:
        """Raise before the work starts if its result could not be written where it should go."""
        with _naming(path):
            if path.exists():
                if source.exists() and path.samefile(source):
                    raise ImageError(path, "is the input", hint="name another file with -o")
                if not self.overwrite:
                    raise FileError(path, "exists already", hint="--overwrite replaces it")
                if not path.is_file():
                    raise FileError(path, "is not a file that could be replaced")
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=path.parent):
                pass

    def _read(self, source: Path) -> Picture:
        if source != STREAM:
            return files.read(source, max_pixels=self.max_input_pixels)
        data = BytesIO(sys.stdin.buffer.read())
        return decode(data, "standard input", max_pixels=self.max_input_pixels)

    def _measured(
        self, source: Path, picture: Picture, track: Tracker
    ) -> tuple[Pixels, tuple[BitMap, ...]]:
        """What to draw over, and the map of each network, or the one that is there already."""
        if self.numbers is not None:
            return visible(picture), (self.numbers,)
        runners = {name: open_network() for name, open_network in self.networks.items()}
        for name, runner in runners.items():
            self._check_site(runner, name)
        furthest = max(runners.values(), key=lambda runner: runner.reach)
        found = [
            bit_map(
                runner,
                picture,
                file=str(source),
                model=name,
                tile=self.tile,
                finer=self.finer,
                patches_of=furthest,  # so that maps can be compared
                over_output=self.over_output,
                track=track,
            )
            for name, runner in runners.items()
        ]
        return found[0][1], tuple(each for each, _ in found)

    def _check_site(self, runner: Runner, name: str) -> None:
        site = self.view.site
        if site is not None and site not in runner.candidates:
            raise InputError(f"no site {site!r} in {name}; --list-sites names them all")

    def _figure(self, pixels: Pixels, maps: tuple[BitMap, ...]) -> Image.Image:
        if len(maps) == 1:
            return self.view.draw(pixels, maps[0])
        first, second = maps
        style, colouring = self.view.style, self.view.colouring
        return comparison(pixels, first, second, style=style, colouring=colouring)

    def _write(
        self, target: Path, file_format: Format | None, image: Image.Image, icc: bytes | None
    ) -> None:
        picture = Picture(pixels=np.asarray(image), metadata=Metadata(icc=icc))
        if target != STREAM or file_format is None:
            files.write(target, picture, file_format=file_format, overwrite=self.overwrite)
            return
        rows = picture.pixels
        with (
            _creating(target) as file,
            files.encode(
                file, file_format, rows.shape, name="standard output", metadata=picture.metadata
            ) as put,
        ):
            put(rows)


@contextmanager
def _creating(target: Path) -> Iterator[BinaryIO]:
    """A file that appears whole or not at all; standard output gets all at the end."""
    if target == STREAM:
        buffer = BytesIO()
        yield buffer
        with _naming("standard output"):
            sys.stdout.buffer.write(buffer.getvalue())
            sys.stdout.buffer.flush()
        return
    with _naming(target), replacing(target) as file:
        yield file


@contextmanager
def _naming(name: Path | str) -> Iterator[None]:
    """Turn what the system says into an error that names the file."""
    try:
        yield
    except OSError as error:
        raise FileError(name, f"cannot be written: {error.strerror or error}") from error
