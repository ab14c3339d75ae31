"""Everything a user can cause, each with the exit code that `cadyq` ends with."""

from __future__ import annotations

from pathlib import Path


class CadyqError(Exception):
    """A failure to tell the user about in a line or two, without a traceback.

    Its message names a setting as Python does, in backquotes, such as `save_every`; commands put
    their own flag in its place.
    """

    exit_code = 1


class InputError(CadyqError):
    """A request that cannot be carried out as it was put: an option, a recipe, a name."""

    exit_code = 2


class MissingTorchError(InputError):
    """A request that takes PyTorch where that is not installed."""


class FileError(CadyqError):
    """A failure that belongs to one file: the message names the file, the cause, what to do."""

    def __init__(self, path: Path | str, reason: str, *, hint: str = "") -> None:
        super().__init__(f"{path}: {reason}" + (f"; {hint}" if hint else ""))
        self.path = path


class ImageError(FileError):
    """An image that is missing, broken, of an unsupported kind, or cannot be written."""


class CheckpointError(FileError):
    """A weights file that is missing, damaged, foreign or of a newer format."""

    exit_code = 3


class UncompilableError(CadyqError):
    """A network that does something for which the int8 engine has no instruction."""

    exit_code = 3
