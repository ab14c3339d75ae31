"""State dicts in the files of other programs: bare or wrapped, pickled or as safetensors."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from cadyq_cli.errors import CheckpointError
from cadyq_cli.networks.pickled import unpickled

State = Mapping[str, Tensor]

# Where programs put the weights, the better of two first, and what they put before every name.
_KEYS = ("params_ema", "params", "state_dict", "model_state_dict", "model", "net")
_WRAPPERS = ("model.", "net.", "module.")


def state_dict_in(path: Path) -> State:
    """The state dict in a file; of a pickle, without running any code in it.

    Raises:
        CheckpointError: the file is truncated, or holds code or no state dict.
    """
    state = _unwrapped(unpickled(path))
    if state is None:
        raise CheckpointError(path, "holds no state dict")
    return state


def _unwrapped(content: Any, *, within: int = 0) -> State | None:
    """The state dict in what was saved, its names without what wraps the whole network."""
    if not isinstance(content, Mapping) or within > len(_KEYS):  # one can hold itself
        return None
    if content and all(isinstance(value, Tensor) for value in content.values()):
        state = {str(name).removeprefix("module."): value for name, value in content.items()}
        for prefix in _WRAPPERS:
            if all(name.startswith(prefix) for name in state):
                state = {name.removeprefix(prefix): value for name, value in state.items()}
        return state
    found = (_unwrapped(content[key], within=within + 1) for key in _KEYS if key in content)
    return next((state for state in found if state is not None), None)
