"""In which form a program stored a network, told without torch."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

Form = Literal["pickle", "ncnn"]

_PICKLES = (b"PK", b"\x80\x02")  # what PyTorch's checkpoints begin with
_NCNN = (".param", ".bin")


def form_of(path: Path) -> Form | None:
    """The form of a file that is no safetensors file, if it is one that is known.

    Raises:
        OSError: as the system says.
    """
    with path.open("rb") as file:
        if file.read(2) in _PICKLES:
            return "pickle"
    return "ncnn" if path.suffix in _NCNN else None


def files_of(path: Path) -> tuple[Path, ...]:
    """All files of the network that a user names by one of them, as far as they are there."""
    if path.suffix not in _NCNN:
        return (path,)
    beside = (path.with_suffix(suffix) for suffix in _NCNN)
    return tuple(file for file in beside if file == path or file.is_file())


def size_of(path: Path) -> int:
    """What a network takes on the disk, in bytes.

    Raises:
        OSError: as the system says.
    """
    return sum(file.stat().st_size for file in files_of(path))
