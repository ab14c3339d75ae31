"""What needs PyTorch, which enlarging pictures does not, so that it may be missing."""

from __future__ import annotations

from importlib.util import find_spec

from cadyq_cli.errors import MissingTorchError

INSTALL = 'pip install "cadyq[train]"'


def has_torch() -> bool:
    """Whether it is installed; nothing is imported."""
    return find_spec("torch") is not None


def require_torch(what: str) -> None:
    """To be called before torch is imported for something that a user asked for.

    Args:
        what: It is that cannot be had without, as the beginning of a sentence.

    Raises:
        MissingTorchError: PyTorch is not installed.
    """
    if not has_torch():
        raise MissingTorchError(
            f"{what} needs PyTorch, which is not installed; to have it: {INSTALL}"
        )
