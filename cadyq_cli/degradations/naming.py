"""Names of degradations: `photo`, and single ones such as `noise5-jpeg75`."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from cadyq_cli.degradations.degradation import SUBSAMPLINGS, Degradation
from cadyq_cli.errors import InputError

NONE = "none"
KNOWN = "photo, or parts in this order: blur0.8-noise5-jpeg75, jpeg60-jpeg80, webp50, area"

PHOTO = Degradation(  # as phones, cameras, browsers and chats leave them
    blur=0.15,
    blur_widths=(0.2, 0.8),
    resamplers=("bicubic", "bicubic", "bilinear", "lanczos", "area"),
    noise=0.5,
    noise_levels=(0.0, 12.0),
    noise_colour=0.6,
    noise_signal=0.3,
    jpeg=0.7,
    jpeg_qualities=(30, 95),
    subsamplings=SUBSAMPLINGS,
    webp=0.06,
    twice=0.15,
    first_sizes=(1.0, 1.5),
)

_NUMBER = r"(\d{1,3}(?:\.\d{1,2})?)"
_PARTS = re.compile(
    rf"(?:blur{_NUMBER}-)?(?:(bilinear|lanczos|area)-)?(?:(gray)?noise{_NUMBER}-)?"
    r"(?:jpeg(\d{1,3})-)??(?:(jpeg|webp)(\d{1,3})-)?"
)


def degradation_of(name: str) -> Degradation:
    """The degradation of a name; that of `none` does nothing.

    Raises:
        InputError: it means nothing, or a number in it does not fit.
    """
    if name == NONE:
        return Degradation()
    if name == "photo":
        return PHOTO
    match = _PARTS.fullmatch(f"{name}-") if name else None
    if match is None:
        raise InputError(f"`degrade` {name:.80}: give {KNOWN}")
    try:
        return _of_parts(*match.groups())
    except InputError as error:
        raise InputError(f"`degrade` {name}: {error}") from error


def _of_parts(
    width: str | None,
    resampler: str | None,
    gray: str | None,
    level: str | None,
    first: str | None,
    last: str | None,
    quality: str | None,
) -> Degradation:
    changes: dict[str, Any] = {}
    if width:
        changes |= {"blur": 1, "blur_round": 1, "blur_widths": (float(width),) * 2}
    if resampler:
        changes |= {"resamplers": (resampler,)}
    if level:
        changes |= {"noise": 1, "noise_levels": (float(level),) * 2}
        changes |= {"noise_colour": 0 if gray else 1}
    if last and quality:
        changes |= {last: 1, f"{last}_qualities": (int(quality),) * 2}
    if first:
        changes |= {"twice": 1, "first_qualities": (int(first),) * 2}
    return replace(Degradation(), **changes)
