"""The packages that read and write what Pillow does not, which need not be installed."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec


@dataclass(frozen=True, slots=True)
class Plugin:
    """A package of another author; nothing of it is loaded to ask for it."""

    package: str  # as pip calls it
    module: str
    purpose: str  # what it is for, as in "for HEIC"

    @property
    def is_installed(self) -> bool:
        """Whether it can be imported."""
        return find_spec(self.module) is not None

    @property
    def install(self) -> str:
        """The command that brings it."""
        return f"pip install {self.package}"


HEIF = Plugin("pillow-heif", "pillow_heif", "for HEIC")
JXL = Plugin("pillow-jxl-plugin", "pillow_jxl", "for JPEG XL")
BROTLI = Plugin("brotli", "brotli", "for EXIF that a JPEG XL file has compressed")
