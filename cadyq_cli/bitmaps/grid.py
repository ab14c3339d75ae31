"""The cells of a map that is finer than the grid of patches."""

from __future__ import annotations

from itertools import pairwise

from cadyq_cli.imaging.tiles import Span, Tile


def centred_spans(length: int, edge: int, step: float) -> list[Span]:
    """Spans `edge` px long, each of which owns about `step` px around its middle.

    At the ends of the axis a span cannot be centred on what it owns: the outermost ones begin and
    end with the axis, and own all that no other span is centred on. An axis no longer than a span
    has one.

    Raises:
        ValueError: no length, or a step that leaves gaps.
    """
    if length < 1 or not 0 < step <= edge:
        raise ValueError(f"cannot cut {length} px into spans of {edge} px, {step=} px")
    last = max(length - edge, 0)
    count = max(1, round(length / step)) if last else 1
    owned: dict[int, tuple[int, int]] = {}  # by where the span starts
    for begin, end in pairwise(round(index * length / count) for index in range(count + 1)):
        start = min(max((begin + end - edge) // 2, 0), last)
        owned[start] = owned.get(start, (begin, end))[0], end
    return [Span(start, min(start + edge, length), *keep) for start, keep in owned.items()]


def centred_tiles(height: int, width: int, edge: int, step: float) -> tuple[Tile, ...]:
    """Cut an image into cells, row by row, each with the patch around it; see `centred_spans`."""
    columns = centred_spans(width, edge, step)
    return tuple(Tile(row, col) for row in centred_spans(height, edge, step) for col in columns)
