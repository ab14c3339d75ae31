"""`cadyq eval`: how good networks are on test images, and what they cost."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from functools import partial
from itertools import starmap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from cadyq_cli.commands.options.command import command_of
from cadyq_cli.commands.options.eval import Authors, Images, Output, Protocol, Tested
from cadyq_cli.commands.tables import print_table
from cadyq_cli.errors import InputError
from cadyq_cli.escaping import escaped

if TYPE_CHECKING:
    from cadyq_cli.degradations.degradation import Degradation
    from cadyq_cli.evaluation.enlargers import AnyEnlarger
    from cadyq_cli.evaluation.pairs import Dataset
    from cadyq_cli.evaluation.protocol import Comparison, Measured, Patches
    from cadyq_cli.evaluation.report import Result


def measure(
    tested: Tested, images: Images, protocol: Protocol, output: Output, running: Authors
) -> None:
    """Measure networks on test images: PSNR, SSIM, bits, work.

    Examples:

        cadyq eval -d Set5 -d Set14
        cadyq eval bicubic edsr-x4 -d Urban100 --patch 96 --markdown
        cadyq eval carn.pth.tar --official carn -s 4 -d B100 --patch 96 --official-patches
    """
    images.check()
    protocol.check()
    degradation = images.degradation()
    if output.plot is not None:
        from cadyq_cli.imaging.files import check_place

        check_place(output.plot, overwrite=output.overwrite)

    from cadyq_cli.evaluation.naming import beside_bicubic, named

    official = running.official
    models: Sequence[str] = tested.models or []
    if degradation.happens:
        models = beside_bicubic(models)
    factor, files = named(models, scale=images.scale, official=official is not None)
    _check_for_networks(files.values(), output, protocol)
    sets = _told(images.sets(factor), quiet=output.quiet)
    opener, jobs = running.shared(max(len(each.sources) for each in sets), quiet=output.quiet)

    from cadyq_cli.evaluation.enlargers import as_self_ensemble, enlarger_of
    from cadyq_cli.evaluation.protocol import measure as measured

    enlargers = {
        model: enlarger_of(model, file, factor, opener, official=official, images=jobs)
        for model, file in files.items()
    }
    if protocol.self_ensemble:
        enlargers = dict(starmap(as_self_ensemble, enlargers.items()))
    patches, compare = protocol.patches(), protocol.comparison(factor)
    way = partial(measured, patches=patches, compare=compare, degradation=degradation)
    workers = partial(ThreadPoolExecutor, jobs, initializer=partial(opener.prepare, jobs))
    results = [
        _measured(model, enlarger, dataset, way, workers, shown=not output.quiet)
        for dataset in sets
        for model, enlarger in enlargers.items()
    ]
    if output.json:
        entries = [result.to_json(per_image=output.per_image) for result in results]
        document = _described(factor, sets, patches, compare) | {"results": entries}
        document["protocol"]["self_ensemble"] = protocol.self_ensemble
        document["protocol"]["degraded"] = asdict(degradation) if degradation.happens else None
        typer.echo(json.dumps(document, indent=2))
    else:
        _print(results, output, degradation, self_ensemble=protocol.self_ensemble)
    if output.plot is not None:
        from cadyq_cli.evaluation.plot import draw

        draw(output.plot, results, overwrite=output.overwrite)


def _check_for_networks(files: Iterable[Path | None], output: Output, protocol: Protocol) -> None:
    """Refuse what is asked of networks where there is none."""
    for name, asked in {"plot": output.plot, "self_ensemble": protocol.self_ensemble}.items():
        if asked and not any(files):
            raise InputError(f"`{name}` needs at least one network")


def _told(sets: Sequence[Dataset], *, quiet: bool) -> Sequence[Dataset]:
    """The sets, with notes on the pictures that are measured in none: they cannot be read."""
    from cadyq_cli.commands.lines import tell
    from cadyq_cli.imaging.left_out import told

    for each in sets:
        if each.others and not quiet:
            tell(f"note: {each.name}: {told(each.others)}")
    return sets


def _measured(
    model: str,
    enlarger: AnyEnlarger,
    dataset: Dataset,
    way: Callable[..., Measured],
    workers: Callable[[], ThreadPoolExecutor],
    *,
    shown: bool,
) -> Result:
    """A model on a test set; with a bar where that is a person's terminal."""
    from tqdm import tqdm

    from cadyq_cli.evaluation.enlargers import NetworkEnlarger
    from cadyq_cli.evaluation.report import Result

    unless_terminal = None
    with workers() as pool:
        work = pool.map(partial(way, enlarger), dataset.sources)
        bar = tqdm(
            work,
            desc=escaped(f"{model} {dataset.name}"),
            total=len(dataset.sources),
            unit="image",
            leave=False,
            disable=unless_terminal if shown else True,
        )
        try:
            images = list(bar)
        finally:  # of a failure or Ctrl-C; otherwise all are done
            pool.shutdown(cancel_futures=True)
    workload = file_bytes = None
    if isinstance(enlarger, NetworkEnlarger):
        workload = enlarger.workload
        file_bytes = enlarger.file.stat().st_size if enlarger.file else None
    return Result(
        model=model,
        dataset=dataset.name,
        images=images,
        workload=workload,
        file_bytes=file_bytes,
    )


def _described(
    scale: int, sets: Sequence[Dataset], patches: Patches, compare: Comparison
) -> dict[str, Any]:
    from cadyq_cli.evaluation.complexity import CONVENTIONS, SYMBOLS

    return {
        "protocol": {
            "scale": scale,
            "small_images": {s.name: str(s.shrunk) if s.shrunk else "made" for s in sets},
            "patch": patches.size or None,
            "step": patches.stride if patches.size else None,
            "official_patches": patches.stretched,
            "border": compare.border,
            "compared": "RGB" if compare.rgb else "luma",
            "luma_rounded": compare.whole_luma,
        },
        "bit_operations": {c.name: c.formula for c in CONVENTIONS} | {"symbols": SYMBOLS},
    }


def _print(
    results: Sequence[Result], output: Output, degradation: Degradation, *, self_ensemble: bool
) -> None:
    from cadyq_cli.degradations.telling import told
    from cadyq_cli.evaluation.report import legend, to_csv, to_markdown

    rows = [row for r in results for row in (r.one_by_one() if output.per_image else (r,))]
    lines = [] if output.quiet else legend()
    if lines and degradation.happens:
        lines.insert(0, f"Small images had: {told(degradation)}.")
    if lines and self_ensemble:
        lines.append("+: the mean over eight orientations, at eight times the work.")
    if output.csv:
        typer.echo(to_csv(rows), nl=False)
    elif output.markdown:
        notes = "\n".join(f"- {line}" for line in lines)
        typer.echo(to_markdown(rows) + (f"\n{notes}\n" if notes else ""), nl=False)
    else:
        _print_table(rows)
        typer.echo("\n".join(lines), err=True, nl=not output.quiet)
    if output.histogram:
        _print_histograms(rows)


def _print_table(results: Sequence[Result]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from cadyq_cli.evaluation.report import COLUMNS

    table = Table(box=SIMPLE_HEAD, show_edge=False, padding=0, pad_edge=False)  # 80 columns do
    for column in COLUMNS:
        is_text = isinstance(column.value(results[0]), str)
        table.add_column(
            column.heading.replace("-", " "),
            justify="left" if is_text else "right",
            overflow="fold",
        )
    for result, following in zip(results, [*results[1:], None], strict=True):
        last = following is not None and following.dataset != result.dataset
        table.add_row(*(column.text(result) for column in COLUMNS), end_section=last)
    print_table(table)


def _print_histograms(results: Sequence[Result]) -> None:
    from rich.table import Table

    for result in results:
        sites = result.histogram()
        widths = sorted({bits for counts in sites.values() for bits in counts})
        if not widths:
            continue
        table = Table("Site", *(f"{bits} bits" for bits in widths))
        table.title = escaped(f"{result.model} on {result.dataset}, patches by width")
        for site, counts in sites.items():
            total = sum(counts.values())
            shares = [counts.get(bits, 0) / total for bits in widths]
            table.add_row(
                escaped(site), *(f"{share:4.0%} {'█' * round(12 * share)}" for share in shares)
            )
        print_table(table)


evaluate = command_of(measure)
