"""`cadyq eval`: how good networks are on test images, and what they cost."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from cadyq_cli.commands.options import Device, torch_device
from cadyq_cli.errors import InputError

if TYPE_CHECKING:
    import torch

    from cadyq_cli.evaluation.protocol import Enlarger

DEFAULT_SCALE = 4


def evaluate(
    models: Annotated[
        list[str],
        typer.Argument(metavar="MODEL...", help="bicubic, a shipped network, or a weights file."),
    ],
    *,
    data: Annotated[list[Path], typer.Option("-d", "--data", metavar="DIR", help="Test images.")],
    scale: Annotated[Literal[2, 3, 4], typer.Option("-s", "--scale")] = DEFAULT_SCALE,
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

    from cadyq_cli.evaluation.pairs import discover
    from cadyq_cli.evaluation.protocol import Comparison, Patches, measure

    patches = Patches(edge=patch, step=step, stretched=official_patches)
    compare = Comparison(border=scale, rgb=rgb)
    sets = [discover(folder, scale) for folder in data]
    for model in models:
        enlarge = _enlarger(model, scale, official, where)
        for dataset in sets:
            results = [
                measure(enlarge, s.name, s.load(scale), patches=patches, compare=compare)
                for s in tqdm(dataset.sources, desc=f"{model} {dataset.name}", leave=False)
            ]
            count = len(results)
            bits = [r.average_bits for r in results if r.average_bits is not None]
            line = f"{model} {dataset.name}: {sum(r.psnr for r in results) / count:.3f} dB"
            line += f" {sum(r.ssim for r in results) / count:.4f}"
            typer.echo(line + (f" {sum(bits) / count:.3f} bits" if bits else ""))


def _enlarger(model: str, scale: int, official: str | None, where: torch.device) -> Enlarger:
    from cadyq_cli.checkpoint import load, load_official, shipped
    from cadyq_cli.evaluation.protocol import Bicubic, Enlarging

    if model == "bicubic":
        return Bicubic(scale)
    path = Path(model)
    if not path.is_file():
        network = load(shipped.find(model.removesuffix(f"-x{scale}"), scale), device=where)
    elif official is not None:
        network = load_official(path, backbone=official, scale=scale, device=where)
    else:
        network = load(path, device=where)
    if network.card.scale != scale:
        raise InputError(f"--scale {scale}: {model} enlarges {network.card.scale} times")
    return Enlarging(network)
