"""Runs the command line: `cadyq` and `python -m cadyq_cli`."""

from __future__ import annotations

import sys


def main() -> None:
    try:
        from cadyq_cli.commands.app import app

        app(prog_name="cadyq")
    except KeyboardInterrupt:  # before there is anything to tell
        sys.exit(130)


if __name__ == "__main__":
    main()
