"""A degradation in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cadyq_cli.degradations.degradation import Degradation


def told(by: Degradation) -> str:
    """What happens, in its order, such as ``noise of 5, JPEG of quality 75 (4:2:0)``."""
    return ", ".join(_parts(by)) or "nothing"


def _parts(by: Degradation) -> Iterator[str]:
    if by.blur:
        yield f"blur of {_range(by.blur_widths)} px{_share(by.blur)}"
    if set(by.resamplers) != {"bicubic"}:
        yield f"shrunk by {_choice(by.resamplers)}"
    if by.noise:
        gray = "gray " if by.noise_colour == 0 else ""
        yield f"{gray}noise of {_range(by.noise_levels)}{_share(by.noise)}"
    colour = _choice(by.subsamplings)
    if by.twice:
        yield f"JPEG of quality {_range(by.first_qualities)} ({colour}) before{_share(by.twice)}"
    if by.jpeg:
        yield f"JPEG of quality {_range(by.jpeg_qualities)} ({colour}){_share(by.jpeg)}"
    if by.webp:
        yield f"WebP of quality {_range(by.webp_qualities)}{_share(by.webp)}"


def _range(ends: Sequence[float]) -> str:
    least, most = ends
    return f"{least:g}" if least == most else f"{least:g} to {most:g}"


def _share(share: float) -> str:
    return "" if share == 1 else f" for {share:.0%}"


def _choice(names: Sequence[str]) -> str:
    return " or ".join(dict.fromkeys(names))
