"""The weights that come with the package, by name."""

from __future__ import annotations

import re
from pathlib import Path

from cadyq_cli.errors import InputError

AUTO = "auto"  # stands for the model that suits most people at a scale
QUICK = {2: "span", 4: "span"}  # several times as fast as EDSR, and nearly as good
USUAL = "edsr"
SCALES = (2, 3, 4)  # that networks are shipped for
DEFAULT_SCALE = 4  # where nothing says another one
SUFFIXES = (".safetensors", ".pth", ".pt", ".tar", ".param", ".bin")  # of weights files


def folder() -> Path:
    """Where the shipped weights lie: in the installed package, else in the checkout beside it."""
    installed = Path(__file__).parents[1] / "weights"
    return installed if installed.is_dir() else Path(__file__).parents[2] / "weights"


def names() -> list[str]:
    """The name of every shipped model, such as `edsr-x4`, sorted."""
    return sorted(path.stem for path in folder().glob("*.safetensors"))


def scales(model: str) -> dict[int, Path]:
    """The weights of a shipped model, such as `edsr` or `AUTO`, by the scales that there are.

    Raises:
        InputError: no such model is shipped; the message lists those that are.
    """
    if model == AUTO:
        return {scale: find(AUTO, scale) for scale in scales(USUAL)}
    named = [name.rpartition("-x") for name in names()]
    found = {int(scale): find(model, int(scale)) for name, _, scale in named if name == model}
    if not found:
        choices = ", ".join(sorted({name for name, _, _ in named})) or "none"
        raise InputError(f"no model {model!r} comes with cadyq; there are: {choices}")
    return found


def find(model: str, scale: int) -> Path:
    """The weights of a shipped model, such as `edsr` or `AUTO`, at a scale.

    Raises:
        InputError: no such model is shipped; the message lists those that are.
    """
    if model == AUTO:
        model = QUICK.get(scale, USUAL)
    path = folder() / f"{model}-x{scale}.safetensors"
    if path.stem not in names():
        choices = ", ".join(names()) or "none"
        raise InputError(f"no weights for {model} x{scale} come with cadyq; there are: {choices}")
    return path


def locate(model: str, scale: int | None = None) -> Path:
    """The weights that a user means by a file's name, or by a shipped model's.

    Args:
        model: Such as ``mine.safetensors``, ``edsr-x2`` or ``edsr``.
        scale: Of a shipped model whose name says none.

    Raises:
        InputError: no such model is shipped.
    """
    path = Path(model)
    if names_file(path):
        return path
    name, stated = split(model)
    return find(name, stated or scale or DEFAULT_SCALE)


def names_file(path: Path) -> bool:
    """Whether a user means a file, there or not, rather than a shipped model."""
    return path.is_file() or len(path.parts) > 1 or path.suffix in SUFFIXES


def split(name: str) -> tuple[str, int | None]:
    """A shipped model and the scale that its name says: ``edsr-x4`` is ``edsr`` at 4."""
    match = re.fullmatch(r"(.+)-x(\d)", name)
    return (match[1], int(match[2])) if match else (name, None)
