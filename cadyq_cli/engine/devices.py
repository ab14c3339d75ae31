"""Where there is a GPU, found out without torch where there is none."""

from __future__ import annotations

import ctypes
import sys

from cadyq_cli.errors import InputError
from cadyq_cli.needing_torch import has_torch, require_torch

CPU = "cpu"
_DRIVER = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"


def device_named(name: str) -> str:
    """The device that a user means: "cpu", or "cuda:N" for a GPU that PyTorch can use.

    Args:
        name: "auto" for a GPU if there is one, else "cpu", "cuda" or "cuda:N".

    Raises:
        InputError: this machine does not have it.
        MissingTorchError: a GPU, without PyTorch.
    """
    if name == CPU or (name == "auto" and not _has_driver()):
        return CPU
    if name == "auto" and not has_torch():
        return CPU
    require_torch(f"`device` {name}")
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if name == "auto":
        return "cuda:0" if count else CPU
    number = int(name.partition(":")[2] or 0)
    if number >= count:
        raise InputError(f"`device` {name}: PyTorch finds no such GPU; `device` cpu works anywhere")
    return f"cuda:{number}"


def _has_driver() -> bool:
    try:
        ctypes.CDLL(_DRIVER)
    except OSError:
        return False
    return True
