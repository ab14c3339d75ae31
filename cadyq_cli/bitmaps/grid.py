"""The cells of a map that is finer than the grid of patches."""

from __future__ import annotations

from itertools import pairwise

from cadyq_cli.imaging.tiles import Span, Tile


def centred_spans(length: int, size: int, spacing: float) -> list[Span]:
    """Spans `size` px long, each of which owns about `spacing` px around its middle.

    At the ends of the axis a span cannot be centred on what it owns: the outermost ones begin and
    end with the axis, and own all that no other span is centred on. An axis no longer than a span
    has one.

    Raises:
        ValueError: no length, or a spacing that leaves gaps.
    """
    if length < 1 or not 0 < spacing <= size:
        raise ValueError(f"cannot cut {length} px into spans of {size} px, {spacing=} px")
    last = max(length - size, 0)
    count = max(1, round(length / spacing)) if last else 1
    owned: dict[int, tuple[int, int]] = {}  # by where the span starts
    for begin, end in pairwise(round(index * length / count) for index in range(count + 1)):
        start = min(max((begin + end - size) // 2, 0), last)
        owned[start] = owned.get(start, (begin, end))[0], end
    return [Span(start, min(start + size, length), *keep) for start, keep in owned.items()]


def centred_tiles(height: int, width: int, size: int, spacing: float) -> tuple[Tile, ...]:
    """Cut an image into cells, row by row, each with the patch around it; see `centred_spans`."""
    columns = centred_spans(width, size, spacing)
    return tuple(Tile(row, col) for row in centred_spans(height, size, spacing) for col in columns)
