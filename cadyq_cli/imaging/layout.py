"""What is about to be written, and the strips of rows that encoders take it in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cadyq_cli.imaging.metadata import Metadata

Put = Callable[[NDArray[Any]], None]  # takes the next rows from the top, (n, W, C)

_STRIP_BYTES = 1 << 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Layout:
    """The size and kind of an image that will come row by row."""

    height: int
    width: int
    channels: int  # 1 gray, 2 gray and alpha, 3 RGB, 4 RGB and alpha
    bits: int  # 8 or 16 a channel
    metadata: Metadata
    quality: int | None = None  # 1..100 where a format loses something; None is the best it does

    @property
    def strip(self) -> int:
        """Rows of one strip: about a megabyte."""
        row = self.width * self.channels * self.bits // 8
        return max(1, min(self.height, _STRIP_BYTES // row))


@contextmanager
def strips(layout: Layout, emit: Put) -> Iterator[Put]:
    """Gather rows, however many come at a time, into strips of `layout.strip` rows.

    Raises:
        ValueError: the rows do not fit the layout, or are not as many as it says.
    """
    row = (layout.width, layout.channels)
    strip = np.empty((layout.strip, *row), np.uint16 if layout.bits == 16 else np.uint8)
    filled, left = 0, layout.height

    def put(rows: NDArray[Any]) -> None:
        nonlocal filled, left
        if rows.shape[1:] != row or rows.dtype != strip.dtype or len(rows) > left:
            raise ValueError(
                f"{rows.dtype} rows of shape {rows.shape} do not fit {layout}, {left=}"
            )
        left -= len(rows)
        while len(rows):
            some = rows[: len(strip) - filled]
            strip[filled : filled + len(some)] = some
            filled += len(some)
            rows = rows[len(some) :]
            if filled == len(strip):
                emit(strip)
                filled = 0

    yield put
    if left:
        raise ValueError(f"{left} rows are missing of {layout.height}")
    if filled:
        emit(strip[:filled])
