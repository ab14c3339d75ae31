"""Whether an image fits a format, asked before any work is done, and what would fit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import DTypeLike

from cadyq_cli.errors import ImageError
from cadyq_cli.imaging.colour_spaces.profiles import for_equal_channels
from cadyq_cli.imaging.containers.resolution import resolution_of
from cadyq_cli.imaging.exif_resolution import with_resolution
from cadyq_cli.imaging.formats import FORMATS, Format
from cadyq_cli.imaging.metadata import Metadata

_USUAL = [each for each in FORMATS if each.kind.plugin is None]  # what is named as holding more


def check_fits(
    file_format: Format, shape: tuple[int, int, int], dtype: DTypeLike, name: str
) -> None:
    """Raise if a format cannot hold an image.

    Args:
        file_format: To be written.
        shape: Height, width and channels, as for `files.create`.
        dtype: uint8 or uint16.
        name: What to call the result in an error.

    Raises:
        ImageError: it cannot; the hint names formats that can.
    """
    if shape[2] in (2, 4) and not file_format.alpha:
        holding = [each.name for each in _USUAL if each.alpha]
        reason = f"{file_format.name} cannot hold transparency"
        raise ImageError(name, reason, hint=f"{_listed(holding)} can")
    limit = _exceeded(file_format, shape, dtype)
    if limit is not None:
        holding = [
            each.name
            for each in _USUAL
            if each.bits >= file_format.bits and _exceeded(each, shape, dtype) is None
        ]
        reason = f"{file_format.name} cannot hold {shape[1]}x{shape[0]} px"
        others = f"{_listed(holding)} can" if holding else "no format can; choose a smaller size"
        raise ImageError(name, reason, hint=f"{limit}; {others}")


def stated_by(file_format: Format, metadata: Metadata, channels: int, bits: int) -> Metadata:
    """What the format can say of the metadata, in its own way.

    Args:
        file_format: To be written.
        metadata: Of the image.
        channels: 1 to 4, as for `files.create`.
        bits: A channel, as they are written.

    Raises:
        struct.error: EXIF is broken.
    """
    kept = file_format.room.kept(metadata)
    if becomes_colour(file_format, channels, bits):
        kept = replace(kept, icc=for_equal_channels(kept.icc))
    if kept.dpi is None:
        return kept
    if not file_format.capacity.states(kept.dpi):
        return replace(kept, dpi=None)
    if file_format.resolution or (kept.exif and resolution_of(kept.exif) == kept.dpi):
        return kept
    return replace(kept, exif=with_resolution(kept.exif, kept.dpi))


def becomes_colour(file_format: Format, channels: int, bits: int) -> bool:
    """Whether a gray image is read back from the format as RGB, which no profile of gray fits."""
    return channels < 3 and bits > file_format.gray[channels - 1]


def _exceeded(each: Format, shape: tuple[int, int, int], dtype: DTypeLike) -> str | None:
    height, width, channels = shape
    bits = min(np.dtype(dtype).itemsize * 8, each.bits)
    if channels in (2, 4) and not each.alpha:
        return "no transparency"
    return each.capacity.exceeded(height, width, channels * bits // 8)


def _listed(names: list[str]) -> str:
    """A, B and C."""
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last
