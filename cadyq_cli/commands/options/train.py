"""What `cadyq train` can be told beside the settings of a recipe."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from cadyq_cli.commands.options.declaring import argument, option
from cadyq_cli.commands.options.shared import OnDevice
from cadyq_cli.training.recipes.plan import built_in


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Learned:
    """What is learned from."""

    data: list[Path] = argument(..., "Folders of photographs to learn from.", metavar="DATA...")


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Kept:
    """What is done, and where it is kept."""

    PANEL: ClassVar[str] = "Options"
    output: Path = option(
        ...,
        "Folder of this run; a run already in it is resumed.",
        "-o",
        metavar="RUN",
        common=True,
    )
    recipe: str | None = option(
        None,
        f"{', '.join(built_in())}; or a file such as RUN/recipe.toml. quick takes hours on a CPU.",
        metavar="NAME|FILE",
        usually="that of the run, else quick",
        common=True,
    )
    validate: Path | None = option(
        None, "A few full-size images to measure progress on.", metavar="DIR", common=True
    )
    dry_run: bool = option(False, "Say what would happen, and how long it would take.", common=True)


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Running(OnDevice):
    """What to compute with."""

    memory: float = option(
        4.0,
        "Memory for decoded photographs, on each machine; the rest goes to a temporary file in"
        " RUN.",
        metavar="GB",
        least=0,
    )
    workers: int = option(
        2, "Threads that cut crops in advance; the crops are the same for any number.", least=1
    )


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Extra:
    """Settings that only some backbones have."""

    PANEL: ClassVar[str] = "Network and run"
    settings: list[str] | None = option(
        None,
        "A setting of the backbone, such as features=32; may be repeated.",
        "--set",
        metavar="NAME=N",
    )
