"""Runs the command line: `cadyq` and `python -m cadyq_cli`."""

from __future__ import annotations

from cadyq_cli.commands.app import app


def main() -> None:
    app(prog_name="cadyq")


if __name__ == "__main__":
    main()
