"""The pictures that a network is calibrated on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from cadyq_cli.calibration.crops import Pixels
from cadyq_cli.errors import ImageError, InputError
from cadyq_cli.imaging.files import read
from cadyq_cli.imaging.pixels import to_8_bits
from cadyq_cli.training.data.survey import find

FEWEST, MOST = 16, 40  # more take longer to decode than they bring


def pictures_in(
    photos: Sequence[Path], *, seed: int = 0, leave_out: Callable[[str], object] = lambda _: None
) -> list[Pixels]:
    """Read pictures, RGB, (H, W, 3): some, drawn at random, if there are many.

    Args:
        photos: Pictures, and folders of them.
        seed: Of the draw.
        leave_out: Is told of each picture that cannot be read, in a line.

    Raises:
        InputError: fewer than 16 can be read.
    """
    files = find(photos)
    found: list[Pixels] = []
    for i in np.random.default_rng(seed).permutation(len(files)):
        if len(found) == MOST:
            break
        try:
            found.append(to_8_bits(read(files[i]).pixels))
        except ImageError as error:
            leave_out(str(error))
    return enough(found)


def enough(pictures: Sequence[Pixels]) -> list[Pixels]:
    """The same pictures.

    Raises:
        InputError: they are too few.
    """
    if len(pictures) < FEWEST:
        count = f"{len(pictures)} picture{'s' * (len(pictures) != 1)}"
        raise InputError(f"{count} can be used, and {FEWEST} or more are needed; give others, too")
    return list(pictures)
