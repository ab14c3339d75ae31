r"""Check cadyq on a GPU against the CPU, then train a float network there, all in some minutes.

    PYTHONPATH=.:tests python -m benchmarks.gpu photos -o runs/gpu --minutes 9 \
        --start weights/span-float-x4.safetensors --teacher published-span-x4.safetensors \
        --networks weights --validate Set5 --validate B100

PyTorch, NumPy, Pillow and safetensors are all that it needs: it calls the core, not the commands.
The results lie in the folder of a training run, and what was seen in its `gpu.log`. The same
command trains on there, as does `cadyq train photos -o runs/gpu --steps MORE`, where start and
teacher are found by the paths that were given here.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cache, partial
from pathlib import Path
from statistics import fmean
from typing import Any, get_args

import torch
from benchmarks.gpu_checks import (
    Checks,
    same_losses,
    same_network,
    same_pictures,
    same_steps,
    scores,
    speeds,
)

from cadyq_cli.commands.recorded import recorded_command
from cadyq_cli.errors import CadyqError, ImageError
from cadyq_cli.evaluation.pairs import Dataset, discover
from cadyq_cli.networks.stored import read_card
from cadyq_cli.opening import Opener
from cadyq_cli.training.data.crops import Crops
from cadyq_cli.training.data.device_crops import DeviceCrops
from cadyq_cli.training.data.photographs import Photographs
from cadyq_cli.training.data.store import Store
from cadyq_cli.training.data.survey import find, survey
from cadyq_cli.training.folder import RunFolder
from cadyq_cli.training.learning.losses import Step
from cadyq_cli.training.learning.state import steps_of
from cadyq_cli.training.log.validation import Validation
from cadyq_cli.training.recipes.plan import Plan, StageName, read_plan
from cadyq_cli.training.recipes.recipe import Arithmetic, Recipe
from cadyq_cli.training.run import Run
from cadyq_cli.training.stages import Resources

CHECKING = 120.0  # seconds for the checks, at most; or a quarter of all
CLOSING = 0.06  # share of the time that is kept for the last state and the scores
PILOT = 0.1  # share of the training after which its number of steps is set anew
EVERY = 60.0  # seconds from one saved state, and validation, to the next
MEMORY = 48 * 2**30  # bytes of decoded photographs
STAGE: StageName = "float"
LEARNED: dict[str, Any] = {  # how, beside what the options say
    "stages": (STAGE,),
    "edges": False,
    "loss": "psnr",
    "loss_floor": 1.25,
    "contrast": 1.0,
    "sizes": (1.0, 0.7, 0.5, 0.35),
    "warm_up": 100,
    "average": 0.999,
}


@dataclass
class Log:
    """Tells a person, and a file, what happens, with the seconds since the beginning.

    It is a run's `stages.Report`, too.
    """

    path: Path
    began: float = field(default_factory=time.monotonic)
    _crops: tuple[int, float] = (0, 0.0)  # since when, of `time.monotonic`
    _batch: int = 0
    _loss: float = 0.0

    def note(self, text: str) -> None:
        line = f"{time.monotonic() - self.began:6.1f} s  {text}"
        print(line, flush=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")

    def begin(self, stage: StageName, done: int, recipe: Recipe) -> None:
        self.note(f"{stage}: from step {done} to {recipe.steps}, {recipe.batch} crops each")
        self._batch, self._crops = recipe.batch, (0, time.monotonic())

    def step(self, step: Step) -> None:
        self._crops = self._crops[0] + self._batch, self._crops[1]
        self._loss = step.truth + step.output

    def saved(self, stage: StageName, step: int) -> None:
        crops, since = self._crops
        rate = crops / (time.monotonic() - since)
        self.note(f"{stage}, step {step}: loss {self._loss:.4f}, {rate:.0f} crops/s")
        self._crops = 0, time.monotonic()

    def validated(self, stage: StageName, step: int, psnr: float, bits: float | None) -> None:
        self.note(f"{stage}, step {step}: {psnr:.3f} dB")
        self._crops = 0, time.monotonic()

    def finished(self, stage: str, path: Path) -> None:
        self.note(f"{stage}: {path}")


def checked(
    log: Log,
    until: float,
    device: torch.device,
    networks: Sequence[Path],
    files: Sequence[Path],
    sets: Sequence[Dataset],
) -> bool:
    """Check each network; tells whether all was well."""
    check = Checks(log.note, until)
    cards = {file: read_card(file) for file in networks}
    for file, card in cards.items():
        crops = Crops(files, card.scale, contrast=1.0)
        low, high = crops.batch(0, 4, 32)
        name = file.stem
        check(f"{name}, network", partial(same_network, file, low, device))
        check(f"{name}, losses", partial(same_losses, file, low, high, device))
        check(f"{name}, two steps", partial(same_steps, file, crops, device))
        if sets:
            check(f"{name}, upscale and eval", partial(same_pictures, file, sets[0], device))
    for file in networks:
        check(f"{file.stem}, speed", partial(speeds, file, device))
    dynamic = [file for file, card in cards.items() if card.precision == "dynamic"]
    for file in dynamic[: device.type == "cuda"]:  # once, for the minute that it takes
        crops = Crops(files, cards[file].scale)
        check(f"{file.stem}, compiled loops", partial(same_steps, file, crops, device, fuse=True))
    return not check.failed


def planned(options: argparse.Namespace) -> Plan:
    """What the folder was begun with, or what the options say."""
    begun = RunFolder(options.output).recipe
    if begun.is_file():
        return read_plan(str(begun))
    card = read_card(options.start)
    distills = float(options.teacher is not None)
    told = {
        "backbone": card.backbone,
        "scale": card.scale,
        "start": options.start,
        "teacher": options.teacher,
        "distill_output": distills,
        "distill_last": 0.0,
        "distill_blocks": 0.0,
        "truth": 0.1 if distills else 1.0,
        "batch": options.batch,
        "patch": options.patch,
        "learning_rate": options.learning_rate,
        "kernel_rate": options.kernel_rate,
        "arithmetic": options.arithmetic,
        "seed": options.seed,
    }
    return read_plan("quick").with_changes(LEARNED | told)


def surveyed(files: Sequence[Path], plan: Plan, log: Log) -> tuple[Sequence[Path], Photographs]:
    """The photographs that can be learned from, decoded by all cores."""
    photographs = Photographs(Store(MEMORY))

    def decode(file: Path) -> None:
        with suppress(ImageError):  # the survey tells of it
            photographs.high(file)

    with ThreadPoolExecutor() as pool:
        for _ in pool.map(decode, files):
            pass
    smallest = plan.recipes[STAGE].patch * plan.scale
    found = survey(files, smallest=smallest, look=photographs.high)
    log.note(f"{len(found.usable)} photographs, {found.pixels / 1e6:.1f} megapixels")
    for line in found.broken:
        log.note(f"left out: {line}")
    return found.usable, photographs


def trained(
    plan: Plan, output: Path, resources: Resources, log: Log, *, until: float, most: int | None
) -> Path:
    """Train for as many steps as the time allows, and leave weights and state.

    Args:
        plan: Whose number of steps is replaced.
        output: Folder of the run.
        resources: What it works with; networks are compiled if that works here.
        log: Is told.
        until: When to stop, of `time.monotonic`.
        most: Steps.
    """
    state = RunFolder(output).state(STAGE)
    first = done = steps_of(state) if state.exists() else 0
    resources, seconds = _timed(plan, done, output, resources, log)
    for share in (PILOT, 1.0):  # after the first part it is known better what a step takes
        began, before = time.monotonic(), done
        stop = began + share * (until - began)
        steps = done + max(1, int((until - began) / seconds))
        steps = min(steps, first + (most or steps))
        every = max(1, min(steps - done, int(EVERY / seconds)))
        log.note(f"{1e3 * seconds:.1f} ms a step: {steps} steps in all")
        ours = replace(resources, enough=partial(_is_past, stop))
        try:
            changed = plan.with_changes({"steps": steps, "save_every": every})
            return Run.open(changed, output).train(ours, log)
        except KeyboardInterrupt:
            done = steps_of(state)
            if time.monotonic() < stop:  # somebody else asked for it
                break
            seconds = (time.monotonic() - began) / (done - before)
    log.note(f"stopped after {done} steps; these are taken for all")
    return Run.open(plan.with_changes({"steps": done}), output).train(resources, log)


def _is_past(moment: float) -> bool:
    return time.monotonic() > moment


def _timed(
    plan: Plan, done: int, output: Path, resources: Resources, log: Log
) -> tuple[Resources, float]:
    """The resources, not compiled where that fails, and the seconds that a step takes."""
    plan = plan.with_changes({"steps": done + 1})
    for one in (resources, replace(resources, compiled=False)):
        try:
            ((_, seconds),) = Run.open(plan, output).estimate(one, log)
        except CadyqError:
            raise
        except Exception as error:  # a compiler may fail in many ways, and training goes on
            if not one.compiled:
                raise
            log.note(f"not compiled: {type(error).__name__}: {error}")
        else:
            return one, seconds
    raise AssertionError("the last one either works or raises")


def main() -> int:
    options = _options()
    options.output.mkdir(parents=True, exist_ok=True)
    log, device = Log(options.output / "gpu.log"), torch.device(options.device)
    span = 60 * options.minutes
    torch.backends.cudnn.benchmark = True
    where = torch.cuda.get_device_name(device) if device.type == "cuda" else "the CPU"
    log.note(f"PyTorch {torch.__version__} on {where}")

    plan, files = planned(options), find([options.photos])
    sets = [discover(folder, plan.scale) for folder in options.validate]
    networks = sorted(options.networks.glob("*.safetensors")) if options.networks else []
    first = log.began + min(CHECKING, span / 4)
    well = checked(log, first, device, [options.start, *networks], files, sets)

    usable, photographs = surveyed(files, plan, log)
    validation = None
    if sets:
        validation = Validation([each.truth for each in sets[0].sources], plan.scale)
    resources = Resources(
        files=usable,
        photographs=photographs,
        validation=validation,
        device=device,
        crops=cache(partial(DeviceCrops, device=device)),  # one copy of the photographs
        compiled=not options.eager,
        command=recorded_command,
    )
    until = log.began + (1 - CLOSING) * span
    weights = trained(plan, options.output, resources, log, until=until, most=options.steps)
    opener = Opener(engine="float", device=options.device)
    for each in sets:
        found = scores(weights, each, opener)
        psnr, ssim = (fmean(getattr(one, name) for one in found) for name in ("psnr", "ssim"))
        log.note(f"{each.name}: {psnr:.3f} dB, SSIM {ssim:.4f}")
    return 0 if well else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("photos", type=Path, help="folder of photographs")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder of the run")
    parser.add_argument("--minutes", type=float, required=True, help="for all of it")
    parser.add_argument("--start", type=Path, required=True, help="float network to train")
    parser.add_argument("--teacher", type=Path, help="network of its scale to imitate")
    parser.add_argument("--networks", type=Path, help="folder of networks to check, too")
    parser.add_argument(
        "--validate", type=Path, action="append", default=[], help="test set; may be repeated"
    )
    parser.add_argument("--steps", type=int, help="at most; default: what the time allows")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--patch", type=int, default=64, help="px of low resolution a side")
    parser.add_argument("--learning-rate", type=float, default=3e-4)
    parser.add_argument("--kernel-rate", type=float, default=1e-3, help="by Muon; 0: by Adam")
    parser.add_argument(
        "--arithmetic", default="auto", choices=get_args(Arithmetic), help="of convolutions"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--eager", action="store_true", help="without torch.compile")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
