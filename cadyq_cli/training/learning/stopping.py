"""Signals that end a training between two steps, not within one."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from cadyq_cli.signals import ending
from cadyq_cli.training.learning.trainer import Trainer


@contextmanager
def finishing_the_step(trainer: Trainer) -> Iterator[None]:
    """Let Ctrl-C and `ending` signals stop a trainer after its step; a second one acts at once."""

    def stop(signum: int, frame: FrameType | None) -> None:  # noqa: ARG001
        trainer.stopping = True
        signal.signal(signum, before[signum])

    before: dict[int, Any] = {n: signal.getsignal(n) for n in (signal.SIGINT, *ending())}
    for number in before:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
