"""`cadyq eval`: how good networks are on test images, and what they cost."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from cadyq_cli.commands.options import (
    OUTPUT,
    RUNNING,
    Device,
    Engine,
    Jobs,
    Quiet,
    Threads,
    flag,
    opener,
)
from cadyq_cli.commands.tables import print_table
from cadyq_cli.errors import InputError
from cadyq_cli.escaping import escaped

if TYPE_CHECKING:
    from cadyq_cli.evaluation.enlargers import AnyEnlarger
    from cadyq_cli.evaluation.pairs import Dataset
    from cadyq_cli.evaluation.protocol import Comparison, Patches
    from cadyq_cli.evaluation.report import Result

IMAGES = "Images"
PROTOCOL = "Protocol"


def evaluate(
    models: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="MODEL",
            help="bicubic, bicubic-luma (luma alone, from the large image, as published), "
            "a network that comes with cadyq such as edsr-x4, or a weights file. "
            "\\[default: bicubic and all that come with cadyq]",
            show_default=False,
        ),
    ] = None,
    *,
    data: Annotated[
        list[Path],
        typer.Option(
            "-d",
            "--data",
            metavar="DIR",
            help="Folder of large images, or with HR and LR_bicubic/X4 in it. May be repeated.",
            rich_help_panel=IMAGES,
        ),
    ],
    lr: Annotated[
        list[Path] | None,
        typer.Option(
            "--lr",
            metavar="DIR",
            help="Folder of their small images, one for each --data. "
            "\\[default: made as MATLAB's imresize does]",
            show_default=False,
            rich_help_panel=IMAGES,
        ),
    ] = None,
    scale: Annotated[
        Literal[2, 3, 4] | None,
        typer.Option(
            "-s",
            "--scale",
            help="How many times as wide and as high. \\[default: what the models say, else 4]",
            show_default=False,
            rich_help_panel=IMAGES,
        ),
    ] = None,
    patch: Annotated[
        int,
        typer.Option(
            "-p",
            "--patch",
            metavar="PX",
            min=0,
            help="Edge of a patch in px of the small image; papers say 96. 0: whole images.",
            rich_help_panel=PROTOCOL,
        ),
    ] = 0,
    step: Annotated[
        int | None,
        typer.Option(
            "--step",
            metavar="PX",
            min=1,
            help="From one patch to the next. \\[default: 6 px less than a patch]",
            show_default=False,
            rich_help_panel=PROTOCOL,
        ),
    ] = None,
    official_patches: Annotated[
        bool,
        flag(
            "--official-patches",
            text="Stretch the last patches to the edge as the released code does.",
            panel=PROTOCOL,
        ),
    ] = False,
    border: Annotated[
        int | None,
        typer.Option(
            "--border",
            metavar="PX",
            min=0,
            help="Not compared at each edge. \\[default: the scale]",
            show_default=False,
            rich_help_panel=PROTOCOL,
        ),
    ] = None,
    rgb: Annotated[
        bool, flag("--rgb", text="Compare RGB instead of luma.", panel=PROTOCOL)
    ] = False,
    whole_luma: Annotated[
        bool, flag("--whole-luma", text="Round luma, as MATLAB's rgb2ycbcr does.", panel=PROTOCOL)
    ] = False,
    as_json: Annotated[
        bool, flag("--json", text="Print everything as JSON.", panel=OUTPUT)
    ] = False,
    as_csv: Annotated[bool, flag("--csv", text="Print the table as CSV.", panel=OUTPUT)] = False,
    as_markdown: Annotated[
        bool, flag("--markdown", text="Print the table as Markdown.", panel=OUTPUT)
    ] = False,
    per_image: Annotated[bool, flag("--per-image", text="One row an image.", panel=OUTPUT)] = False,
    histogram: Annotated[
        bool, flag("--histogram", text="Show how often each site chose each width.", panel=OUTPUT)
    ] = False,
    plot: Annotated[
        Path | None,
        typer.Option(
            "--plot",
            metavar="FILE",
            help="Draw PSNR against average bits, such as plot.png.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    overwrite: Annotated[
        bool, flag("--overwrite", text="Replace that FILE.", panel=OUTPUT)
    ] = False,
    quiet: Quiet = False,
    official: Annotated[
        str | None,
        typer.Option(
            "--official",
            metavar="edsr|carn|idn|srresnet",
            help="What the MODEL files are that come from the paper's authors.",
            rich_help_panel=RUNNING,
        ),
    ] = None,
    jobs: Jobs = 0,
    threads: Threads = 0,
    engine: Engine = "auto",
    device: Device = "auto",
) -> None:
    """Measure networks on test images: PSNR, SSIM, bits, work.

    Examples:

        cadyq eval -d Set5 -d Set14
        cadyq eval bicubic edsr-x4 -d Urban100 --patch 96 --markdown
        cadyq eval carn.pth.tar --official carn -s 4 -d B100 --patch 96 --official-patches
    """
    _refuse_nonsense(as_json, as_csv, as_markdown, histogram=histogram)
    if lr and len(lr) != len(data):
        raise InputError(f"{len(lr)} --lr folders for {len(data)} --data folders")
    if patch and step is None:
        step = max(patch - 6, 1)
    if patch and step and step > patch:
        raise InputError(f"--step {step}: patches of {patch} px would leave gaps")
    if not patch and (step or official_patches):
        raise InputError("--step and --official-patches need --patch")
    if plot is not None:
        from cadyq_cli.imaging.files import check_place

        check_place(plot, overwrite=overwrite)

    from cadyq_cli.evaluation.naming import named
    from cadyq_cli.evaluation.pairs import discover

    factor, files = named(models or [], scale=scale, official=official is not None)
    if plot is not None and not any(files.values()):
        raise InputError("--plot needs at least one network")
    smalls: Sequence[Path | None] = lr or [None] * len(data)
    sets = [discover(d, factor, shrunk=s) for d, s in zip(data, smalls, strict=True)]
    if len({dataset.name for dataset in sets}) < len(sets):
        sets = [replace(s, name=str(d)) for d, s in zip(data, sets, strict=True)]
    runners = opener(engine, device, threads, quiet=quiet)
    jobs = min(jobs or runners.usual_images, max(len(dataset.sources) for dataset in sets))

    from cadyq_cli.evaluation.enlargers import enlarger_of
    from cadyq_cli.evaluation.protocol import Comparison, Patches

    adopt = partial(runners.adopt, images=jobs)
    enlargers = {
        model: enlarger_of(model, file, factor, official=official, adopt=adopt)
        for model, file in files.items()
    }
    patches = Patches(edge=patch, step=step or patch, stretched=official_patches)
    compare = Comparison(
        border=factor if border is None else border, rgb=rgb, whole_luma=whole_luma
    )
    workers = partial(ThreadPoolExecutor, jobs, initializer=partial(runners.prepare, jobs))
    results = [
        _measured(model, enlarger, dataset, patches, compare, workers, shown=not quiet)
        for dataset in sets
        for model, enlarger in enlargers.items()
    ]
    if as_json:
        entries = [result.to_json(per_image=per_image) for result in results]
        document = _described(factor, sets, patches, compare) | {"results": entries}
        typer.echo(json.dumps(document, indent=2))
    else:
        rows = [row for r in results for row in (r.one_by_one() if per_image else (r,))]
        _print(rows, as_csv=as_csv, as_markdown=as_markdown, explained=not quiet)
        if histogram:
            _print_histograms(rows)
    if plot is not None:
        from cadyq_cli.evaluation.plot import draw

        draw(plot, results, overwrite=overwrite)


def _refuse_nonsense(*printed: bool, histogram: bool) -> None:
    """Raise for what cannot be printed together: JSON, CSV, Markdown, and the histogram."""
    if sum(printed) > 1:
        raise InputError("--json, --csv and --markdown exclude each other")
    if any(printed) and histogram:
        raise InputError("--histogram is for people, without --json, --csv or --markdown")


def _measured(
    model: str,
    enlarger: AnyEnlarger,
    dataset: Dataset,
    patches: Patches,
    compare: Comparison,
    workers: Callable[[], ThreadPoolExecutor],
    *,
    shown: bool,
) -> Result:
    """A model on a test set; with a bar where that is a person's terminal."""
    from tqdm import tqdm

    from cadyq_cli.evaluation.complexity import workload_of
    from cadyq_cli.evaluation.enlargers import NetworkEnlarger
    from cadyq_cli.evaluation.protocol import measure
    from cadyq_cli.evaluation.report import Result

    unless_terminal = None
    with workers() as pool:
        work = pool.map(
            partial(measure, enlarger, patches=patches, compare=compare), dataset.sources
        )
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
        workload = workload_of(enlarger.network)
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
            "patch": patches.edge or None,
            "step": patches.step if patches.edge else None,
            "official_patches": patches.stretched,
            "border": compare.border,
            "compared": "RGB" if compare.rgb else "luma",
            "luma_rounded": compare.whole_luma,
        },
        "bit_operations": {c.name: c.formula for c in CONVENTIONS} | {"symbols": SYMBOLS},
    }


def _print(results: Sequence[Result], *, as_csv: bool, as_markdown: bool, explained: bool) -> None:
    from cadyq_cli.evaluation.report import legend, to_csv, to_markdown

    lines = legend() if explained else []
    if as_csv:
        typer.echo(to_csv(results), nl=False)
    elif as_markdown:
        notes = "\n".join(f"- {line}" for line in lines)
        typer.echo(to_markdown(results) + (f"\n{notes}\n" if notes else ""), nl=False)
    else:
        _print_table(results)
        typer.echo("\n".join(lines), err=True, nl=explained)


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
