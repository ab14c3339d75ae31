"""The signals by which the system asks a process to end."""

from __future__ import annotations

import signal

# SIGHUP comes when a terminal closes; Windows has none.
_ENDING = (signal.SIGTERM, *filter(None, [getattr(signal, "SIGHUP", None)]))


def ending() -> tuple[signal.Signals, ...]:
    """Those that this process does not ignore; under nohup it ignores SIGHUP."""
    return tuple(each for each in _ENDING if signal.getsignal(each) != signal.SIG_IGN)
