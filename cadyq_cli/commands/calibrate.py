"""`cadyq calibrate`: a trained network in whole numbers, without training."""

from __future__ import annotations

import shlex
from contextlib import closing
from dataclasses import fields
from typing import TYPE_CHECKING

import typer

from cadyq_cli.commands.lines import tell
from cadyq_cli.commands.options.calibrate import Aim, Given, Output, Running
from cadyq_cli.commands.options.command import command_of
from cadyq_cli.errors import FileError
from cadyq_cli.needing_torch import require_torch

if TYPE_CHECKING:
    from cadyq_cli.calibration.files import Calibration


def quantize(given: Given, output: Output, aim: Aim, running: Running) -> None:
    """Make a float network fast: whole numbers, no training.

    Examples:

        cadyq calibrate span.pth photos -o mine.safetensors
        cadyq calibrate span.pth photos -o mine.safetensors --bits 5.5
        cadyq calibrate span.pth photos -o mine.safetensors --static
        cadyq upscale photo.jpg -m mine.safetensors
    """
    require_torch("`cadyq calibrate`")

    from tqdm import tqdm

    from cadyq_cli.calibration.files import calibrate
    from cadyq_cli.calibration.settings import Settings
    from cadyq_cli.degradations.naming import degradation_of
    from cadyq_cli.imaging.files import check_free

    aims = {one.name: getattr(aim, one.name) for one in fields(aim)}
    aims["degradation"] = degradation_of(aims.pop("degrade"))
    aims["widths"] = tuple(sorted(map(int, aim.widths.split(","))))
    Settings(**aims)  # refuses what cannot be
    check_free(output.output, overwrite=output.overwrite)
    if not output.output.parent.is_dir():
        raise FileError(output.output, f"there is no folder {output.output.parent}")
    shown = tqdm(total=STEPS, bar_format="{bar:12} {desc}", disable=output.quiet or None)
    with closing(shown):

        def doing(what: str) -> None:
            if not shown.disable:
                shown.update(bool(shown.desc))
                shown.set_description_str(what)

        def leave_out(line: str) -> None:
            if not output.quiet:
                tell(f"left out: {line}")

        result = calibrate(
            given.model,
            given.photos,
            output.output,
            device=running.torch_device,
            command=_again(given, aim),
            tell=doing,
            note=leave_out,
            **aims,
        )
    if not output.quiet:
        typer.echo(_line(result))


STEPS = 7  # that `calibrate` tells of, at most


def _again(given: Given, aim: Aim) -> str:
    """The command, with the names of files alone."""
    model = given.model.replace("\\", "/").rpartition("/")[2]
    usual = Aim()
    flags = [f"--bits {aim.bits:g}"] if aim.bits is not None else []
    flags += ["--static"] if aim.static else []
    flags += [f"--degrade {aim.degrade}"] if aim.degrade != usual.degrade else []
    flags += [f"--widths {aim.widths}"] if aim.widths != usual.widths else []
    for name in ("seconds", "weight_bits", "seed"):
        value = getattr(aim, name)
        if value != getattr(usual, name):
            flags.append(f"--{name.replace('_', '-')} {value:g}")
    return " ".join(["cadyq calibrate", shlex.quote(model), "PHOTOS -o FILE", *flags])


def _line(result: Calibration) -> str:
    fidelity = result.fidelity
    return (
        f"{fidelity.psnr:.1f} dB from the float network on pictures held out,"
        f" {max(0, fidelity.expected_loss):.2f} dB lost by estimate;"
        f" {fidelity.bits:.2f} bit on average;"
        f" about {result.megapixels_a_second:.1f} megapixels a second and core"
    )


calibrate = command_of(quantize)
