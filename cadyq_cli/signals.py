"""The signals by which the system asks a process to end."""

from __future__ import annotations

import signal

# When a terminal closes, SIGHUP comes, or SIGBREAK on Windows.
_ENDING = tuple(
    getattr(signal, name) for name in ("SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name)
)


def ending() -> tuple[signal.Signals, ...]:
    """Those that this process does not ignore; under nohup it ignores SIGHUP."""
    return tuple(each for each in _ENDING if signal.getsignal(each) != signal.SIG_IGN)
