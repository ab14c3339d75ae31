"""One job of `cadyq upscale`, from file to file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path

from cadyq_cli.batch.enlarged_picture import EnlargedPicture
from cadyq_cli.batch.jobs import Job
from cadyq_cli.batch.models import Models
from cadyq_cli.batch.outcome import Outcome
from cadyq_cli.batch.sizes import Wanted, passes
from cadyq_cli.errors import InputError
from cadyq_cli.imaging import streams
from cadyq_cli.imaging.colour_spaces.stated import named
from cadyq_cli.imaging.fitting import check_fits, stated_by
from cadyq_cli.imaging.formats import Format, format_named
from cadyq_cli.imaging.limits import MAX_PIXELS
from cadyq_cli.imaging.metadata import Metadata
from cadyq_cli.imaging.picture import Picture
from cadyq_cli.upscaling import Tracker


@dataclass(frozen=True, kw_only=True)
class Conversion:
    """What is done to every image of a batch; call it with a job. Threads may share it."""

    models: Models
    wanted: Wanted
    tile: int = 0
    plain_levels: float = 0  # see `upscaling.upscale`
    self_ensemble: bool = False
    alpha_is_data: bool = False  # not transparency: the colours beneath are kept
    quality: int | None = None
    strip_metadata: bool = False  # all but the colour profile, without which colours change
    max_input_pixels: int = MAX_PIXELS
    bit_map: Path | None = None  # where to draw the first network's widths, for a single image
    overwrite: bool = False  # whatever is in the place of the bit map

    def __call__(self, job: Job, track: Tracker) -> Outcome:
        """Enlarge one image, replacing what is at the job's target.

        Nothing is left of an unfinished result.

        Raises:
            ImageError: the image cannot be read or enlarged, or its result not be written.
            CheckpointError, InputError: no image could be enlarged like this.
        """
        picture = streams.read(job.source, max_pixels=self.max_input_pixels)
        height, width, _ = picture.pixels.shape
        size = self.wanted.size(str(job.source), height, width)
        scales = passes(max(size[0] / height, size[1] / width), self.models.scales)
        file_format = job.format or _own_format(picture)
        shape = (*size, picture.channels)
        check_fits(file_format, shape, picture.pixels.dtype, streams.name_of(job.target))
        streams.make_folder(job.target)
        networks = [self.models.network(scale) for scale in scales]
        if self.bit_map is not None:
            from cadyq_cli.bitmaps.measuring import check_widths, map_of_run, write_figure

            check_widths(networks[0], self.models.name(scales[0]))
        enlarged = EnlargedPicture(
            picture,
            networks,
            size,
            tile=self.tile,
            plain_levels=self.plain_levels,
            track=track,
            self_ensemble=self.self_ensemble,
            alpha_is_data=self.alpha_is_data,
        )
        metadata = self._metadata(picture).sized(size[1], size[0])
        with streams.create(
            job.target,
            file_format,
            enlarged.shape,
            enlarged.dtype,
            metadata=metadata,
            quality=self.quality,
        ) as put:
            for rows in enlarged:
                put(rows)
        if self.bit_map is not None:
            name = self.models.name(scales[0])
            found = map_of_run(networks[0], *enlarged.bit_map, file=job.source.name, model=name)
            write_figure(self.bit_map, picture, found, overwrite=self.overwrite)
        lost = _loss(file_format, picture, metadata)
        return Outcome(
            job=job,
            status="done",
            input_size=(height, width),
            output_size=size,
            models=tuple(map(self.models.name, scales)),
            network_scale=prod(scales),
            average_bits=enlarged.average_bits,
            plain_share=enlarged.plain_share,
            notes=(*picture.notes, *enlarged.notes, *lost),
        )

    def _metadata(self, picture: Picture) -> Metadata:
        """What is written of a picture's metadata, before it is resized."""
        found = picture.metadata
        return Metadata(icc=found.icc, cicp=found.cicp) if self.strip_metadata else found


def _loss(file_format: Format, picture: Picture, metadata: Metadata) -> Iterator[str]:
    """What a format does not keep of a picture that is enlarged, with what is said of it then."""
    bits = picture.bits or picture.pixels.dtype.itemsize * 8
    if bits > file_format.bits:
        yield f"has {bits} bits a channel, {file_format.name} {file_format.bits}; PNG keeps all"
    stated = stated_by(file_format, metadata, picture.channels, min(bits, file_format.bits))
    if file_format.room.icc and metadata.icc and stated.icc is None:
        yield f"has a colour profile of gray that {file_format.name} cannot hold; PNG can"
    if metadata.cicp and not (metadata.icc or file_format.code_points):
        colours = named(metadata.cicp)
        yield f"has colours of {colours}, which {file_format.name} cannot state; PNG and AVIF can"
    if metadata.dpi and not file_format.capacity.states(metadata.dpi):
        across, down = metadata.dpi
        resolution = f"{across:.8g} x {down:.8g} dpi"
        yield f"states a resolution of {resolution}, more than {file_format.name} can hold"
    yield from file_format.room.notes(metadata, file_format.name)


def _own_format(picture: Picture) -> Format:
    """The format that the image came in, or PNG where that cannot be written."""
    try:
        return format_named(picture.format)
    except InputError:
        return format_named("PNG")
