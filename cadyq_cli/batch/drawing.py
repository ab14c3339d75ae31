"""One job of `cadyq bitmap`: from an image to its figure or page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from cadyq_cli.batch.jobs import Job
from cadyq_cli.batch.outcome import Outcome
from cadyq_cli.bitmaps.measuring import bit_map, profile
from cadyq_cli.bitmaps.numbers import BitMap
from cadyq_cli.bitmaps.page import page
from cadyq_cli.bitmaps.tints import Pixels
from cadyq_cli.bitmaps.views import View, comparison, visible
from cadyq_cli.engine.runner import Runner
from cadyq_cli.errors import InputError
from cadyq_cli.imaging import streams
from cadyq_cli.imaging.files import check_free
from cadyq_cli.imaging.formats import format_named
from cadyq_cli.imaging.limits import MAX_PIXELS
from cadyq_cli.imaging.metadata import Metadata
from cadyq_cli.imaging.picture import Picture
from cadyq_cli.upscaling import Tracker

SUFFIX_OF_A_PAGE = ".html"


@dataclass(frozen=True, kw_only=True)
class MapOutcome(Outcome):
    """What became of an image that was drawn."""

    maps: tuple[BitMap, ...]  # one for each network


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """What is made of every image of a batch; call it with a job. Threads may share it.

    Whatever is wrong with an image, or with the place for its result, shows before a network is
    opened.
    """

    view: View
    networks: Mapping[str, Callable[[], Runner]]  # one, or two to compare, by their names
    numbers: BitMap | None = None  # to draw instead of what a network finds
    tile: int = 0
    plain_levels: float = 0  # see `upscaling.upscale`; for one network, unless the map is finer
    finer: int = 1
    over_output: bool = False
    as_page: bool = False
    npz: bool = False  # beside the figure, its numbers
    overwrite: bool = False  # arrays that are there already
    max_input_pixels: int = MAX_PIXELS

    def __call__(self, job: Job, track: Tracker = iter) -> MapOutcome:
        """Make the figure or the page of an image, replacing what is at the target.

        Args:
            job: Its format is that of the figure, None for PNG.
            track: Yields the patches it is given, as a progress bar does.

        Raises:
            ImageError: the image cannot be read, or the result not be written.
            InputError, CheckpointError: no image could be drawn like this.
        """
        source, target = job.source, job.target
        arrays = target.with_suffix(".npz")
        if self.npz:
            check_free(arrays, overwrite=self.overwrite, source=source)
        picture = streams.read(source, max_pixels=self.max_input_pixels)
        streams.make_folder(target)
        pixels, maps = self._measured(source, picture, track)
        icc = profile(picture)
        if self.as_page:
            with streams.whole(target) as file:
                file.write(page(pixels, maps[0], self.view, icc=icc).encode())
        else:
            rows, metadata = np.asarray(self._figure(pixels, maps)), Metadata(icc=icc)
            file_format = job.format or format_named("png")
            with streams.create(target, file_format, rows.shape, metadata=metadata) as put:
                put(rows)
        if self.npz:
            with streams.whole(arrays) as file:
                maps[0].save_npz(file)
        return MapOutcome(job=job, status="done", maps=maps, notes=picture.notes)

    def _measured(
        self, source: Path, picture: Picture, track: Tracker
    ) -> tuple[Pixels, tuple[BitMap, ...]]:
        """What to draw over, and the map of each network, or the one that was given."""
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
                plain_levels=self.plain_levels if len(runners) == 1 else 0,
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
            raise InputError(f"no site {site!r} in {name}; `list_sites` names them all")

    def _figure(self, pixels: Pixels, maps: tuple[BitMap, ...]) -> Image.Image:
        if len(maps) == 1:
            return self.view.draw(pixels, maps[0])
        first, second = maps
        style, colouring = self.view.style, self.view.colouring
        return comparison(pixels, first, second, style=style, colouring=colouring)
