"""`cadyq eval`: how good networks are on test images, and what they cost."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from cadyq_cli.commands.options import Device, torch_device


def evaluate(
    models: Annotated[
        list[str],
        typer.Argument(metavar="MODEL...", help="bicubic, a shipped network, or a weights file."),
    ],
    *,
    data: Annotated[list[Path], typer.Option("-d", "--data", metavar="DIR", help="Test images.")],
    scale: Annotated[Literal[2, 3, 4] | None, typer.Option("-s", "--scale")] = None,
    official: Annotated[str | None, typer.Option("--official", metavar="BACKBONE")] = None,
    patch: Annotated[int, typer.Option("-p", "--patch", metavar="PX", min=0)] = 0,
    step: Annotated[int, typer.Option("--step", metavar="PX", min=1)] = 90,
    official_patches: Annotated[bool, typer.Option("--official-patches", metavar="")] = False,
    rgb: Annotated[bool, typer.Option("--rgb", metavar="")] = False,
    device: Device = "auto",
) -> None:
    """Measure networks on test images."""
    where = torch_device(device)

    from tqdm import tqdm

    from cadyq_cli.evaluation.enlargers import find
    from cadyq_cli.evaluation.pairs import discover
    from cadyq_cli.evaluation.protocol import Comparison, Patches, measure

    patches = Patches(edge=patch, step=step, stretched=official_patches)
    scale, enlargers = find(models, scale=scale, official=official, device=where)
    compare = Comparison(border=scale, rgb=rgb)
    sets = [discover(folder, scale) for folder in data]
    for model, enlarger in enlargers.items():
        for dataset in sets:
            results = [
                measure(enlarger, source, patches=patches, compare=compare)
                for source in tqdm(dataset.sources, desc=f"{model} {dataset.name}", leave=False)
            ]
            count = len(results)
            bits = [r.average_bits for r in results if r.average_bits is not None]
            line = f"{model} {dataset.name}: {sum(r.psnr for r in results) / count:.3f} dB"
            line += f" {sum(r.ssim for r in results) / count:.4f}"
            typer.echo(line + (f" {sum(bits) / count:.3f} bits" if bits else ""))
