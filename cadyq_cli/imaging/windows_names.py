"""Names that Windows does not know, or takes for something else than a file's."""

from __future__ import annotations

import os
import re
from pathlib import Path, PureWindowsPath

from cadyq_cli.errors import ImageError

_FORBIDDEN = re.compile(r'[<>:"|?*\x00-\x1f]')
_DEVICE = re.compile(r"(CON|PRN|AUX|NUL|CONIN\$|CONOUT\$|(COM|LPT)[1-9¹²³]) *", re.IGNORECASE)


def check_name(path: Path) -> None:
    """Raise if this is Windows, and nothing can be written to a path because of a name in it.

    Raises:
        ImageError: with the reason.
    """
    reason = fault(PureWindowsPath(path)) if os.name == "nt" else None
    if reason is not None:
        raise ImageError(path, reason, hint="use another name")


def fault(path: PureWindowsPath) -> str | None:
    """Why Windows could not write a file of this path, as far as its names tell.

    Source: Microsoft, "Naming Files, Paths, and Namespaces".
    """
    for name in path.parts[bool(path.anchor) :]:
        if found := _FORBIDDEN.search(name):
            return f"Windows allows no {found[0]!r} in a name"
        if name.strip(".") and name[-1] in ". ":
            return "Windows allows no dot or blank at the end of a name"
        if _DEVICE.fullmatch(name.partition(".")[0]):
            return f"{name} is a device on Windows"
    return None
