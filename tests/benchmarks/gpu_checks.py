"""Whether a GPU computes as the CPU does: networks, losses, steps, pictures, scores; and how fast.

Made by `gpu.py`. Each check returns what it saw, and raises `DiffersError` for what must not be.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from math import isfinite
from pathlib import Path
from statistics import median

import numpy as np
import torch
from torch import Tensor

from cadyq_cli.evaluation.enlargers import enlarger_of
from cadyq_cli.evaluation.pairs import Dataset
from cadyq_cli.evaluation.protocol import Comparison, Measured, Patches, measure
from cadyq_cli.networks import load
from cadyq_cli.opening import Opener
from cadyq_cli.training.data.crops import Crops
from cadyq_cli.training.learning.arithmetic import Mixed
from cadyq_cli.training.learning.losses import (
    Step,
    attention_loss,
    bit_loss,
    pixel_loss,
    psnr_loss,
    wrong_anyway,
)
from cadyq_cli.training.learning.trainer import Trainer
from cadyq_cli.training.log.validation import PATCH
from cadyq_cli.training.recipes.recipe import Arithmetic, Recipe
from cadyq_cli.upscaling import upscale

CPU = torch.device("cpu")
LEVEL = 1 / 255
TIMING = 0.5  # seconds for each, at least
FRAME = (180, 320)  # px, height and width of a picture that speed is told for
RECIPE = Recipe(  # its first steps are compared
    steps=2,
    batch=4,
    patch=24,
    range_steps=0,
    loss="psnr",
    distill_output=1,
    fuse=False,
)


class DiffersError(Exception):
    """What a check found."""


@dataclass
class Checks:
    """Runs checks one after the other; none that fails keeps the others from being made."""

    log: Callable[[str], None]
    until: float  # of `time.monotonic`
    failed: list[str] = field(default_factory=list)

    def __call__(self, name: str, check: Callable[[], str]) -> None:
        if time.monotonic() > self.until:
            self.log(f"left out, for time: {name}")
            return
        try:
            self.log(f"{name}: {check()}")
        except Exception as error:  # noqa: BLE001, the machine is lent for minutes: whatever it is, go on
            self.failed.append(name)
            self.log(f"FAILED {name}: {type(error).__name__}: {error}")
            if not isinstance(error, DiffersError):
                self.log(traceback.format_exc())


@contextmanager
def exact() -> Iterator[None]:
    """Products in float32, where a GPU would take fewer digits (TF32)."""
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = before


def arithmetics(device: torch.device) -> Sequence[Arithmetic]:
    return ("float32", "bfloat16", "float16") if device.type == "cuda" else ("float32", "bfloat16")


def same_network(file: Path, low: Tensor, device: torch.device) -> str:
    """Outputs and widths of a network on both, and in half precision."""
    with exact():
        (ours, chosen), (theirs, expected) = (_run(file, low, on) for on in (device, CPU))
    apart = _levels(ours - theirs)
    most = 0.1 if not expected else 1.01  # a code that is rounded the other way shows
    if not apart <= most:
        raise DiffersError(f"{apart:.3f} levels apart, at most {most} expected")
    if chosen != expected:
        other = sum(chosen[site] != expected[site] for site in expected)
        raise DiffersError(f"other widths at {other} of {len(expected)} sites")
    told = [f"{apart:.4f} levels apart"]
    for name in arithmetics(device):
        rough, _ = _run(file, low, device, name)
        if not rough.isfinite().all():
            raise DiffersError(f"{name} is not finite")
        told.append(f"{name} {_levels(rough - theirs):.2f}")
    return ", ".join(told) + (", same widths" if expected else "")


def same_losses(file: Path, low: Tensor, high: Tensor, device: torch.device) -> str:
    """All losses, of a network's output that is a little off."""
    with exact():
        ours, theirs = (_losses(file, low.to(on), high.to(on)) for on in (device, CPU))
    for name, value in ours.items():
        _compare(name, value, theirs[name], 1e-3)
    return ", ".join(f"{name} {value:.4g}" for name, value in ours.items())


def same_steps(file: Path, crops: Crops, device: torch.device, *, fuse: bool = False) -> str:
    """Two training steps, and in half precision; maybe with compiled rounding loops."""
    with exact():
        ours = _steps(file, crops, device, "float32", fuse=fuse)
        theirs = _steps(file, crops, CPU, "float32")
    for one, other in zip(ours, theirs, strict=True):
        for name in ("truth", "output", "attention", "bit", "gradient"):
            _compare(f"{name} of step {one.number}", getattr(one, name), getattr(other, name), 0.02)
    told = [f"loss {theirs[-1].truth:.4f}"]
    for arithmetic in arithmetics(device)[1:]:
        last = _steps(file, crops, device, arithmetic, fuse=fuse)[-1]
        if not isfinite(last.truth):
            raise DiffersError(f"the loss is {last.truth} in {arithmetic}")
        told.append(f"{last.truth:.4f} in {arithmetic}")
    return ", ".join(told)


def same_pictures(file: Path, dataset: Dataset, device: torch.device) -> str:
    """What `upscale` makes of a picture, and what `eval` says of it."""
    source, scale = dataset.sources[0], load(file).scale
    openers = [_opener(device), Opener(engine="float", device="cpu")]
    pixels = source.load(scale).small
    ours, theirs = (upscale(each.open(file), pixels).pixels for each in openers)
    apart = int(np.abs(ours.astype(int) - theirs).max())
    found = [scores(file, dataset, each)[0] for each in openers]
    if apart > 2 or abs(found[0].psnr - found[1].psnr) > 0.01:
        raise DiffersError(f"{apart} levels apart, {found[0].psnr:.3f} and {found[1].psnr:.3f} dB")
    return f"{apart} levels apart at most, {found[0].psnr:.2f} dB"


def speeds(file: Path, device: torch.device) -> str:
    """Milliseconds for a picture in each arithmetic."""
    network = load(file, device=device)
    image = torch.rand(1, 3, *FRAME, device=device).to(memory_format=torch.channels_last)
    told = []
    for name in arithmetics(device):
        with torch.inference_mode(), Mixed.of(name, device).autocast():
            _seconds(lambda: network(image), device)
            times = [_seconds(lambda: network(image), device)]
            while sum(times) < TIMING and len(times) < 20:
                times.append(_seconds(lambda: network(image), device))
        told.append(f"{name} {1e3 * median(times):.2f} ms")
    return f"{FRAME[1]}x{FRAME[0]} px x{network.scale} in " + ", ".join(told)


def _opener(device: torch.device) -> Opener:
    return Opener(engine="float", device=str(device))


def _run(
    file: Path, low: Tensor, device: torch.device, arithmetic: Arithmetic = "float32"
) -> tuple[Tensor, dict[str, list[float]]]:
    network = load(file, device=device)
    with torch.inference_mode(), Mixed.of(arithmetic, device).autocast():
        output, trace = network(low.to(device))
    return output.float().cpu(), {k: v.bits.tolist() for k, v in trace.choices.items()}


def _losses(file: Path, low: Tensor, high: Tensor) -> dict[str, float]:
    network = load(file, device=low.device).train()
    output, trace = network(low, keep_features=True)
    _, other = network(0.9 * low, keep_features=True)
    wrong = wrong_anyway(output, high, floor=20)
    found = {
        "absolute": pixel_loss(output, high),
        "psnr": psnr_loss(output, high, wrong),
        "attention": attention_loss(trace.features, other.features),
    }
    if trace.choices:
        found["bit"] = bit_loss(trace)
    return {name: value.item() for name, value in found.items()}


def _steps(
    file: Path, crops: Crops, device: torch.device, arithmetic: Arithmetic, *, fuse: bool = False
) -> list[Step]:
    student, teacher = load(file, device=device), load(file, device=device)
    with torch.no_grad():  # a student that has something to learn
        for parameter in student.parameters():
            parameter.mul_(0.98)
    found: list[Step] = []
    recipe = replace(RECIPE, arithmetic=arithmetic, fuse=fuse)
    Trainer(student, recipe, crops, teacher).run(found.append)
    return found


def scores(file: Path, dataset: Dataset, opener: Opener) -> list[Measured]:
    scale = load(file).scale
    enlarger = enlarger_of(file.stem, file, scale, opener)
    one = partial(measure, enlarger, patches=Patches(size=PATCH), compare=Comparison(border=scale))
    return [one(source) for source in dataset.sources]


def _seconds(work: Callable[[], object], device: torch.device) -> float:
    began = time.perf_counter()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - began


def _levels(difference: Tensor) -> float:
    return difference.abs().max().item() / LEVEL


def _compare(name: str, ours: float, theirs: float, share: float) -> None:
    if not abs(ours - theirs) <= share * max(abs(theirs), 1e-3):
        raise DiffersError(f"{name} is {ours:.6g}, and {theirs:.6g} on the CPU")
