"""`cadyq upscale`: enlarge images, one or thousands."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from cadyq_cli.commands.batches import check_standard_output, plan_batch, run_batch
from cadyq_cli.commands.options.command import command_of
from cadyq_cli.commands.options.shared import RunningTiles
from cadyq_cli.commands.options.upscale import ManyFiles, Network, Output, Pictures, Size
from cadyq_cli.errors import InputError

if TYPE_CHECKING:
    from cadyq_cli.batch.jobs import Job


def enlarge(
    context: typer.Context,
    inputs: Pictures,
    output: Output,
    files: ManyFiles,
    size: Size,
    network: Network,
    running: RunningTiles,
) -> None:
    """Enlarge images.

    Examples:

        cadyq upscale photo.jpg                  writes photo_x4.jpg beside it
        cadyq upscale photo.jpg -s 2 -o big.png
        cadyq upscale photos -r -o large         a folder and all that is in it
        cadyq upscale photos -r -o large --skip-existing     resumes after Ctrl-C
        cadyq upscale a.png b.png --width 3840 -f webp --quality 90
        cat photo.jpg | cadyq upscale - -f png > big.png
    """
    if not inputs.sources:
        raise InputError("nothing to enlarge; name an image or a folder, or see -h")
    models = network.files()
    wanted = size.wanted(models)
    planned = plan_batch(inputs.sources, output.naming(wanted), files, quiet=output.quiet)
    if files.shard:
        planned = _part(planned, files.shard)
    if output.bit_map is not None:
        _refuse_bit_map(output.bit_map, planned, overwrite=files.overwrite)
    check_standard_output(planned, also={"json": output.json})

    opener, jobs = running.shared(len(planned), quiet=output.quiet)

    from cadyq_cli.batch.conversion import Conversion
    from cadyq_cli.batch.models import Models

    conversion = Conversion(
        models=Models(models, partial(opener.open, images=jobs)),
        wanted=wanted,
        tile=running.tile,
        plain_levels=running.skipped_levels,
        self_ensemble=network.self_ensemble,
        quality=output.quality,
        strip_metadata=output.strip_metadata,
        alpha_is_data=output.alpha_is_data,
        max_input_pixels=files.max_input_pixels,
        bit_map=output.bit_map,
        overwrite=files.overwrite,
    )
    progress = output.progress(context, len(planned))
    run_batch(
        planned, conversion, files, progress, workers=jobs, prepare=partial(opener.prepare, jobs)
    )


def _part(planned: Sequence[Job], shard: str) -> Sequence[Job]:
    from cadyq_cli.batch.jobs import shard as part_of

    index, count = map(int, shard.split("/"))
    return part_of(planned, index, count)


def _refuse_bit_map(bit_map: Path, planned: Sequence[Job], *, overwrite: bool) -> None:
    """Raise, before the work starts, if the map cannot be drawn where it should go."""
    from cadyq_cli.imaging.files import check_place

    if len(planned) != 1:
        raise InputError("`bit_map` names one file, for one image")
    if bit_map.resolve() in (planned[0].source.resolve(), planned[0].target.resolve()):
        raise InputError(f"`bit_map` {bit_map} is the image or its result")
    check_place(bit_map, overwrite=overwrite, coming=planned[0].target.parent)


upscale = command_of(enlarge)
