"""`cadyq bitmap`: see where the bits go."""

from __future__ import annotations

from functools import partial

import typer

from cadyq_cli.commands.batches import check_standard_output, plan_batch, run_batch
from cadyq_cli.commands.options.bitmap import PAGE, Figure, FinerTiles, Network, Output
from cadyq_cli.commands.options.command import command_of
from cadyq_cli.commands.options.contradictions import refuse_contradictions
from cadyq_cli.commands.options.shared import Files, Inputs
from cadyq_cli.errors import InputError
from cadyq_cli.escaping import escaped


def show(
    context: typer.Context,
    inputs: Inputs,
    output: Output,
    figure: Figure,
    files: Files,
    network: Network,
    running: FinerTiles,
) -> None:
    """Show which bit widths each patch of an image gets.

    Examples:

        cadyq bitmap photo.jpg                       writes photo_bits.png beside it
        cadyq bitmap photo.jpg -o report.html        a page to explore
        cadyq bitmap photo.jpg --finer 4 --stretch   more detail, stronger colours
        cadyq bitmap photo.jpg --sites all           every site of the network
        cadyq bitmap photo.jpg --json > map.json     all the numbers
        cadyq bitmap photos -r -o maps               a folder and all that is in it
    """
    if not (inputs.sources or network.list_sites):
        raise InputError("nothing to show; name an image or a folder, or see -h")
    weights = network.files(figure.compare)
    if network.list_sites:
        (path,) = weights.values()
        sites = running.opener(quiet=output.quiet).open(path).candidates
        typer.echo("\n".join(map(escaped, sites)))
        return
    naming, as_page = output.naming(inputs.sources)
    if as_page:
        refuse_contradictions(figure, also=(PAGE,))
    planned = plan_batch(inputs.sources, naming, files, quiet=output.quiet)
    if network.from_json and len(planned) > 1:
        raise InputError("`from_json` draws one map over one image")
    check_standard_output(planned, also={"json": output.json, "npz": output.npz})

    from cadyq_cli.batch.drawing import Drawing
    from cadyq_cli.batch.models import OnDemand

    workers, networks, prepare = 1, {}, None
    if weights:
        opener, workers = running.shared(len(planned), quiet=output.quiet)
        opening = partial(opener.open, images=workers)
        networks = {name: OnDemand(partial(opening, path)) for name, path in weights.items()}
        prepare = partial(opener.prepare, workers)
    drawing = Drawing(
        view=figure.view(),
        networks=networks,
        numbers=network.numbers(),
        tile=running.tile,
        plain_levels=running.skipped_levels,
        finer=running.finer,
        over_output=figure.over == "output",
        as_page=as_page,
        npz=output.npz,
        overwrite=files.overwrite,
        max_input_pixels=files.max_input_pixels,
    )
    progress = output.progress(context, len(planned))
    run_batch(planned, drawing, files, progress, workers=workers, prepare=prepare)


bitmap = command_of(show)
