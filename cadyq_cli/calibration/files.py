"""Calibrates the network of a file on the pictures of others."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import torch

from cadyq_cli.calibration.calibrating import calibrated
from cadyq_cli.calibration.crops import Pixels
from cadyq_cli.calibration.fidelity import Fidelity
from cadyq_cli.calibration.pictures import enough, pictures_in
from cadyq_cli.calibration.settings import Settings
from cadyq_cli.calibration.speed import megapixels_a_second
from cadyq_cli.errors import CheckpointError
from cadyq_cli.networks import shipped
from cadyq_cli.networks.file import rebuilt, save
from cadyq_cli.networks.history import Event, appended, history_of
from cadyq_cli.networks.network import Network
from cadyq_cli.networks.stored import read
from cadyq_cli.networks.untold import USUAL, Untold
from cadyq_cli.opening import Opener
from cadyq_cli.plain_areas.fitting import fit_plain_predictor

PLAIN_SIDE = 256  # pixels of the middle of pictures, by which plain areas are told
PLAIN_PICTURES = 8


class Calibration(NamedTuple):
    """A calibrated network, and what is known of it."""

    network: Network
    fidelity: Fidelity
    megapixels_a_second: float  # of results, by one thread of this machine


def calibrate(
    model: Path | str | Network,
    pictures: Sequence[Path | str] | Sequence[Pixels],
    output: Path | str | None = None,
    *,
    untold: Untold = USUAL,
    device: torch.device | str = "cpu",
    command: str = "",
    tell: Callable[[str], object] = lambda _: None,
    note: Callable[[str], object] = lambda _: None,
    **aims: Any,
) -> Calibration:
    """Quantize a float network by content, in about a minute and without training.

    Args:
        model: A weights file of cadyq or of another program, the name of a shipped network, or a
            network that is loaded.
        pictures: 16 or more: files and folders, or RGB arrays (H, W, 3) of uint8. Nobody has to
            know what their enlarged versions look like.
        output: A weights file to write, which needs no PyTorch to run.
        untold: What the file of a network does not tell.
        device: Where to compute.
        command: That asked for it, for the network's history.
        tell: Is told what is being done.
        note: Is told of pictures that are left out.
        aims: See `Settings`, such as ``bits=5.5`` or ``static=True``.

    Raises:
        CheckpointError: the network's file cannot be used.
        FileError: the output cannot be written.
        InputError: aims that cannot be, a network that is quantized already, or too few pictures
            that can be read.
        UncompilableError: the engine has no instruction for something that the network does.
    """
    began, settings = time.perf_counter(), Settings(**aims)
    source = model if isinstance(model, Network) else _loaded(model, untold)
    arrays = [each for each in pictures if not isinstance(each, (Path, str))]
    files = [Path(each) for each in pictures if isinstance(each, (Path, str))]
    if files:
        tell("reading pictures")
        arrays = [*arrays, *pictures_in(files, seed=settings.seed, leave_out=note)]
    seen = enough(arrays)
    network, fidelity = calibrated(source.to(device), seen, settings, tell=tell)
    runner = Opener(engine="auto", device="cpu").adopt(network.cpu())
    card = network.card
    if network.scale > 1:
        tell("looking for plain areas")
        fit = fit_plain_predictor(runner, [_middle(each) for each in seen[:PLAIN_PICTURES]])
        card = replace(card, plain=fit._asdict() if fit else {})
    event = Event(
        command=command,
        did="" if command else "calibrated",
        data=f"{len(seen)} pictures",
        minutes=round((time.perf_counter() - began) / 60, 1),
        machine=f"{torch.get_num_threads()} threads of a CPU",
    )
    network.card = appended(card, event, before=history_of(source.card))
    if output is not None:
        save(Path(output), network, compact=True)
    return Calibration(network, fidelity, megapixels_a_second(runner))


def _loaded(model: Path | str, untold: Untold) -> Network:
    path = shipped.locate(str(model))
    try:
        return rebuilt(read(path, untold))
    except ValueError as error:
        raise CheckpointError(path, str(error)) from error


def _middle(picture: Pixels) -> Pixels:
    top, left = (max(0, (length - PLAIN_SIDE) // 2) for length in picture.shape[:2])
    return picture[top : top + PLAIN_SIDE, left : left + PLAIN_SIDE]
