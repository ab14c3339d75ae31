"""Runs the command line: `cadyq` and `python -m cadyq_cli`."""

from __future__ import annotations

import signal
import sys

from cadyq_cli.signals import ending


def main() -> None:
    for number in ending():  # as polite as Ctrl-C
        signal.signal(number, signal.default_int_handler)
    try:
        from cadyq_cli.commands.app import app

        app(prog_name="cadyq")
    except KeyboardInterrupt:  # before there is anything to tell
        sys.exit(130)


if __name__ == "__main__":
    main()
