"""One job from file to file."""

from __future__ import annotations

import io
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
from numpy.typing import DTypeLike

from cadyq_cli.batch.enlarged_picture import EnlargedPicture
from cadyq_cli.batch.jobs import STREAM, Job
from cadyq_cli.batch.models import Models
from cadyq_cli.batch.outcome import Outcome
from cadyq_cli.batch.sizes import Wanted, passes
from cadyq_cli.errors import CheckpointError, ImageError, InputError
from cadyq_cli.imaging import files
from cadyq_cli.imaging.decoding import MAX_PIXELS, decode
from cadyq_cli.imaging.formats import Format, format_named
from cadyq_cli.imaging.layout import Put
from cadyq_cli.imaging.metadata import Metadata
from cadyq_cli.imaging.picture import Picture
from cadyq_cli.upscaling import Tracker

_IN_MEMORY = 1 << 26  # bytes of a result for standard output; a longer one waits on disk


class Stopped(Exception):  # noqa: N818
    """The batch ends here: no failure of this image."""


@dataclass(frozen=True, kw_only=True)
class Conversion:
    """What is done to every image of a batch; call it with a job. Threads may share it."""

    models: Models
    wanted: Wanted
    tile: int = 0
    self_ensemble: bool = False
    quality: int | None = None
    strip_metadata: bool = False  # all but the colour profile, without which colours change
    max_input_pixels: int = MAX_PIXELS
    overwrite: bool = False
    skip_existing: bool = False
    bit_map: Path | None = None  # where to draw what the first network's widths are, of one image

    def __call__(self, job: Job, track: Tracker = iter) -> Outcome:
        """Enlarge one image. Whatever is wrong with it becomes a failed outcome.

        Raises:
            CheckpointError, InputError: no image could be enlarged like this.
            Stopped: `track` raised it. Nothing is left of the unfinished result.
        """
        began = time.perf_counter()
        outcome = Outcome(job=job, status="skipped")
        try:
            if not self._is_done(job):
                outcome = self._convert(job, track)
        except (CheckpointError, InputError, Stopped):
            raise
        except Exception as error:  # noqa: BLE001  one image never stops the others
            outcome = Outcome(job=job, status="failed", error=error)
        return replace(outcome, seconds=time.perf_counter() - began)

    def _is_done(self, job: Job) -> bool:
        try:
            if job.target == STREAM or not job.target.exists():
                return False
        except OSError as error:  # a name that is too long, a folder that is closed
            reason = f"cannot be written: {error.strerror or error}"
            raise ImageError(job.target, reason) from error
        if not (self.overwrite or self.skip_existing):
            raise ImageError(job.target, "exists already", hint="--overwrite replaces it")
        return self.skip_existing

    def _convert(self, job: Job, track: Tracker) -> Outcome:
        picture = _read(job.source, self.max_input_pixels)
        height, width, _ = picture.pixels.shape
        size = self.wanted.size(str(job.source), height, width)
        scales = passes(max(size[0] / height, size[1] / width), self.models.scales)
        networks = [self.models.network(scale) for scale in scales]
        if self.bit_map is not None:
            from cadyq_cli.visuals.mapping import check_widths, map_of_run, write_figure

            check_widths(networks[0], self.models.name(scales[0]))
        enlarged = EnlargedPicture(
            picture,
            networks,
            size,
            tile=self.tile,
            track=track,
            self_ensemble=self.self_ensemble,
        )
        metadata = picture.metadata
        if self.strip_metadata:
            metadata = Metadata(icc=metadata.icc)
        with self._writing(job, picture, enlarged, metadata) as put:
            for rows in enlarged:
                put(rows)
        if self.bit_map is not None:
            name = self.models.name(scales[0])
            tiles, bits = enlarged.bit_map
            found = map_of_run(networks[0], tiles, bits, file=job.source.name, model=name)
            write_figure(self.bit_map, picture, found, overwrite=self.overwrite)
        return Outcome(
            job=job,
            status="done",
            input_size=(height, width),
            output_size=size,
            models=tuple(map(self.models.name, scales)),
            network_scale=prod(scales),
            average_bits=enlarged.average_bits,
            notes=(*picture.notes, *_loss(job.format or _own_format(picture), enlarged.dtype)),
        )

    def _writing(
        self, job: Job, picture: Picture, enlarged: EnlargedPicture, metadata: Metadata
    ) -> AbstractContextManager[Put]:
        shape, dtype = enlarged.shape, enlarged.dtype
        if job.target == STREAM:
            file_format = job.format or _own_format(picture)
            return _to_standard_output(file_format, shape, dtype, metadata, self.quality)
        _make_folder(job.target.parent)
        return files.create(
            job.target,
            shape,
            dtype,
            metadata=metadata,
            file_format=job.format,
            quality=self.quality,
            overwrite=self.overwrite,
        )


def _read(source: Path, max_pixels: int) -> Picture:
    if source != STREAM:
        return files.read(source, max_pixels=max_pixels)
    data = io.BytesIO(sys.stdin.buffer.read())
    return decode(data, "standard input", max_pixels=max_pixels)


@contextmanager
def _to_standard_output(
    file_format: Format,
    shape: tuple[int, int, int],
    dtype: DTypeLike,
    metadata: Metadata,
    quality: int | None,
) -> Iterator[Put]:
    """As `files.encode`, but whoever reads it gets nothing before all is there."""
    name = "standard output"
    with tempfile.SpooledTemporaryFile(_IN_MEMORY) as spool:
        buffer = cast("BinaryIO", spool)
        with files.encode(
            buffer, file_format, shape, dtype, name=name, metadata=metadata, quality=quality
        ) as put:
            yield put
        buffer.seek(0)
        try:
            shutil.copyfileobj(buffer, sys.stdout.buffer)
            sys.stdout.buffer.flush()
        except OSError as error:
            reason = f"cannot be written: {error.strerror or error}"
            raise ImageError(name, reason) from error


def _loss(file_format: Format, dtype: DTypeLike) -> Iterator[str]:
    """What a format does not keep of an image."""
    bits = np.dtype(dtype).itemsize * 8
    if bits > file_format.bits:
        yield f"has {bits} bits a channel, {file_format.name} {file_format.bits}; PNG keeps all"


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ImageError(folder, f"cannot be made: {error.strerror or error}") from error


def _own_format(picture: Picture) -> Format:
    """That which the image came in, if it can be written."""
    try:
        return format_named(picture.format)
    except InputError:
        return format_named("PNG")
