"""Runs the command line: `cadyq` and `python -m cadyq_cli`."""

from __future__ import annotations

import io
import os
import signal
import sys

from cadyq_cli.signals import ending


def main() -> None:
    _open_standard_streams()
    for number in ending():  # as polite as Ctrl-C
        signal.signal(number, signal.default_int_handler)
    try:
        from cadyq_cli.commands.app import app

        app(prog_name="cadyq")
    except KeyboardInterrupt:  # before there is anything to tell
        sys.exit(130)


def _open_standard_streams() -> None:
    """Let nothing be read and written where whoever started this closed a stream.

    What the encoding of standard output lacks, as Windows' may, shows as an escape.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115, PTH123
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


if __name__ == "__main__":
    main()
