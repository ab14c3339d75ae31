"""What the native kernels are called with, looked at before they get an address.

Each check raises a ValueError that says what does not fit.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cadyq_cli.engine.kernels import PAD, TILE, WIDEST, Codes, Epilogue, Rounding
from cadyq_cli.engine.runner import Map

_LARGEST_EDGE = 2 * PAD + 1


def check_weight(weight: NDArray[Any], kind: Any, shuffle: int) -> None:
    """Of a convolution, (O, I, k, k) of that kind, with k odd and in the reach of the padding."""
    fits = weight.ndim == 4 and weight.dtype == kind and weight.size > 0
    if not fits or shuffle < 1 or len(weight) % shuffle**2:
        raise ValueError(f"weights of shape {weight.shape} and {weight.dtype}, {shuffle=}")
    height, width = weight.shape[2:]
    if height != width or height % 2 == 0 or height > _LARGEST_EDGE:
        raise ValueError(f"a kernel of {height} x {width}; it is odd, at most {_LARGEST_EDGE}")


def check_map(source: Map, channels: int | None = None) -> None:
    if source.ndim != 3 or source.dtype != np.float32 or source.size == 0:
        raise ValueError(f"a map of shape {source.shape} and {source.dtype}")
    if channels is not None and source.shape[2] != channels:
        raise ValueError(f"a map of {source.shape[2]} channels where there should be {channels}")


def check_codes(
    codes: Codes, height: int, width: int, channels: int, *, exactly: bool = False
) -> None:
    """Codes of (height, width) with room for some channels, or for exactly as many."""
    rows, columns = (-(-length // TILE) * TILE + 2 * PAD for length in (height, width))
    if codes.ndim != 3 or codes.dtype != np.int16 or codes.shape[:2] != (rows, columns):
        raise ValueError(f"codes of shape {codes.shape} for an image of {height} x {width}")
    room = codes.shape[2]
    if room < channels or (exactly and room != channels):
        raise ValueError(f"codes with room for {room} channels where {channels} are needed")


def check_rounding(rounding: Rounding, channels: int) -> None:
    """Grids of that many channels, with codes that all kernels can take."""
    if any(each.shape != (channels,) for each in rounding):
        raise ValueError(f"grids of {len(rounding.steps)} channels where there are {channels}")
    if (rounding.lowest < WIDEST[0]).any() or (rounding.highest > WIDEST[1]).any():
        raise ValueError(f"grids with codes outside {WIDEST[0]}..{WIDEST[1]}")


def check_epilogue(
    epilogue: Epilogue,
    size: tuple[int, ...],
    outputs: int,
    shuffle: int,
    out: Map | None,
    *,
    lanes: int,
) -> None:
    """All that a convolution of `outputs` reads beside its input, and where it writes to.

    `shuffle` is what the weights were packed for.
    """
    if epilogue.shuffle != shuffle:
        raise ValueError(f"weights packed for a shuffle of {shuffle}, not {epilogue.shuffle}")
    for name in ("scale", "bias", "slope1", "slope2"):
        values = getattr(epilogue, name)
        if values is not None and values.shape != (outputs,):
            raise ValueError(f"{name} of shape {values.shape} for {outputs} outputs")
    height, width = size
    if epilogue.round is not None:
        check_rounding(epilogue.round, outputs)
    _check_added(epilogue, height, width, outputs, lanes)
    size, channels = (height * shuffle, width * shuffle), outputs // shuffle**2
    if epilogue.codes is not None:
        to = epilogue.codes
        if to.channel < 0:
            raise ValueError(f"codes from channel {to.channel} on")
        check_rounding(to.rounding, channels)
        check_codes(to.array, *size, to.channel + channels)
    elif out is None or out.shape != (*size, channels) or out.dtype != np.float32:
        raise ValueError(f"no map of shape {(*size, channels)} to write to")


def _check_added(epilogue: Epilogue, height: int, width: int, outputs: int, lanes: int) -> None:
    if epilogue.add_map is not None:
        check_map(epilogue.add_map)
        if epilogue.add_map.shape != (height, width, outputs):
            raise ValueError(f"a map of shape {epilogue.add_map.shape} to add")
    if epilogue.add_codes is not None:
        codes, steps = epilogue.add_codes
        check_codes(codes, height, width, -(-outputs // lanes) * lanes)
        if steps.shape != (outputs,):
            raise ValueError(f"{len(steps)} steps of codes to add to {outputs} outputs")
    adds = epilogue.add_map is not None or epilogue.add_codes is not None
    if adds and epilogue.shuffle != 1:
        raise ValueError("nothing is added to what is shuffled")
