"""What the names of models on a command line mean."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cadyq_cli.errors import InputError
from cadyq_cli.networks import shipped
from cadyq_cli.networks.stored import is_ours, read_card

BICUBIC = "bicubic"
LUMA_BICUBIC = "bicubic-luma"


def beside_bicubic(models: Sequence[str]) -> Sequence[str]:
    """The models with bicubic among them, for images whose figures nobody has published.

    Raises:
        InputError: one that sees no small image.
    """
    if LUMA_BICUBIC in models:
        raise InputError(f"`degrade` changes small images, which {LUMA_BICUBIC} does not see")
    return [BICUBIC, *models] if models and BICUBIC not in models else models


def named(
    models: Sequence[str], *, scale: int | None = None, official: bool = False
) -> tuple[int, dict[str, Path | None]]:
    """The files of the models that a user names, and their common scale.

    Args:
        models: Each is ``bicubic`` or ``bicubic-luma``, a shipped network such as ``edsr`` or
            ``edsr-x2``, or a file. None at all: bicubic and every shipped network of the scale.
        scale: None: what the models say, else 4.
        official: Whether files that are not the project's own are the authors' checkpoints.

    Returns:
        The scale, and by name the file, or None for interpolation.

    Raises:
        InputError: a name that is nothing, or models of different scales.
        CheckpointError: a file that cannot be used.
    """
    stated = (_stated_scale(model, official=official) for model in models)
    scale = scale or next(filter(None, stated), shipped.DEFAULT_SCALE)
    if not models:
        ending = f"-x{scale}"
        models = [BICUBIC, *(name for name in shipped.names() if name.endswith(ending))]
    return scale, {model: _file(model, scale, official=official) for model in models}


def _file(model: str, scale: int, *, official: bool) -> Path | None:
    if model in (BICUBIC, LUMA_BICUBIC):
        return None
    path = shipped.locate(model, scale)
    if official and _is_foreign(path):
        return path
    own = read_card(path).scale
    if own != scale:
        raise InputError(f"{model} enlarges {own} times, not {scale}")
    return path


def _stated_scale(model: str, *, official: bool) -> int | None:
    """What a shipped network's name or a file says; the authors' checkpoints do not say it."""
    path = Path(model)
    if not shipped.names_file(path):
        return shipped.split(model)[1]
    return None if official and _is_foreign(path) else read_card(path).scale


def _is_foreign(path: Path) -> bool:
    return path.is_file() and not is_ours(path)
