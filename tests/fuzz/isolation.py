"""Runs doubtful work in forked children: whatever it does to itself is seen, and counted."""

from __future__ import annotations

import os
import resource
import signal
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Iterable

from cadyq_cli.errors import CadyqError

MEMORY = 2 << 30  # bytes of addresses that a child may take
SECONDS = 20
VERDICTS = ("done", "refused", "traceback", "several lines", "memory")


def verdict_of(work: Callable[[], object]) -> str:
    """What becomes of some work, here and now; see `VERDICTS`."""
    try:
        work()
    except CadyqError as error:
        return "refused" if str(error).isprintable() else "several lines"
    except MemoryError:
        return "memory"
    except Exception:  # noqa: BLE001  that is what is looked for
        traceback.print_exc()
        return "traceback"
    return "done"


def in_a_child(work: Callable[[], object], *, memory: int = MEMORY) -> str:
    """The verdict of some work in a process of its own; "signal N" or "hang" if it has none."""
    child = os.fork()
    if child == 0:
        status = len(VERDICTS)
        try:
            if memory:
                resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(SECONDS)
            status = VERDICTS.index(verdict_of(work))
        finally:
            sys.stderr.flush()
            os._exit(status)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        return "hang" if number == signal.SIGALRM else f"signal {number}"
    code = os.WEXITSTATUS(status)
    return VERDICTS[code] if code < len(VERDICTS) else f"exit {code}"


def tally(verdicts: Iterable[tuple[object, str]]) -> Counter[str]:
    """Count verdicts, and name each case of a bad one."""
    counts: Counter[str] = Counter()
    for case, verdict in verdicts:
        counts[verdict] += 1
        if verdict not in ("done", "refused"):
            print(f"{case}: {verdict}", flush=True)
    print(dict(counts.most_common()))
    return counts


def clean(counts: Counter[str]) -> bool:
    return not counts.keys() - {"done", "refused"}
