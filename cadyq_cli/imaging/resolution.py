"""Resolutions as files state them, which may be any numbers."""

from __future__ import annotations

from math import isfinite

_NONE = 1.0  # pixel per inch: what programs write that know of none


def usable(dpi: tuple[float, float] | None) -> tuple[tuple[float, float] | None, tuple[str, ...]]:
    """A stated resolution, across and down, if it can be one; else a note, if anyone meant it."""
    if dpi is None or (min(dpi) >= 0 and max(dpi) <= _NONE):
        return None, ()
    if all(isfinite(each) and each > 0 for each in dpi):
        return dpi, ()
    return None, (
        "states an impossible resolution, {:g} x {:g} dpi, which is left out".format(*dpi),
    )
