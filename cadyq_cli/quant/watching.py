"""What the layers of a network read while it works."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from torch import Tensor, nn


@contextmanager
def watching(modules: Iterable[nn.Module], see: Callable[[Any, Tensor], None]) -> Iterator[None]:
    """Show each module and what it is about to read to `see`, until the context ends in any way."""

    def show(module: nn.Module, inputs: tuple[Tensor]) -> None:
        see(module, inputs[0])

    with ExitStack() as hooks:
        for module in modules:
            hooks.callback(module.register_forward_pre_hook(show).remove)
        yield
