"""What people are left with when a download did not bring the file itself."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

LONGEST_START = 1024  # bytes in which either shows
_WEB_PAGE = re.compile(
    rb"(\xef\xbb\xbf)?\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*<(!doctype\s+html|html|head)\b",
    re.IGNORECASE | re.DOTALL,
)
_POINTER = re.compile(rb"version https://(git-lfs|hawser)\.github\.com/spec/")


class Stray(NamedTuple):
    """What a file is instead of weights or an image, and how to get those."""

    what: str
    hint: str


def stray(start: bytes) -> Stray | None:
    """What lies in a file that begins like this, if it only stands for the file that was meant."""
    if _WEB_PAGE.match(start):
        return Stray("a web page", "download the raw file")
    if _POINTER.match(start):
        return Stray("a Git LFS pointer", "`git lfs pull` or a download of the raw file brings it")
    return None


def stray_file(path: Path) -> Stray | None:
    """The same of a file.

    Raises:
        OSError: as the system says.
    """
    with path.open("rb") as file:
        return stray(file.read(LONGEST_START))
