"""A file made of pieces of another one, none of which is copied."""

from __future__ import annotations

import io
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import BinaryIO

_BUFFER = 1 << 16  # bytes

Piece = bytes | range  # what is put in, or where it stands in the other file


def joined(file: BinaryIO, pieces: Sequence[Piece]) -> BinaryIO:
    """A readable, seekable file that consists of the pieces; closed, it leaves `file` open."""
    return io.BufferedReader(_Joined(file, [piece for piece in pieces if piece]), _BUFFER)


class _Joined(io.RawIOBase):
    def __init__(self, file: BinaryIO, pieces: Sequence[Piece]) -> None:
        self._file, self._pieces = file, pieces
        self._starts = [0, *accumulate(map(len, pieces))]
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._starts[-1]}[whence]
        self._at = max(0, origin + offset)
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fill the buffer from one piece; 0 at the end."""
        index = bisect_right(self._starts, self._at) - 1
        if index >= len(self._pieces):
            return 0
        offset = self._at - self._starts[index]
        part = self._pieces[index][offset : offset + len(buffer)]
        if isinstance(part, range):
            self._file.seek(part.start)
            part = self._file.read(len(part))
        buffer[: len(part)] = part
        self._at += len(part)
        return len(part)
