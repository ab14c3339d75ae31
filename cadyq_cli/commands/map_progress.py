"""Tells how a batch of bit maps goes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

from cadyq_cli.batch.outcome import Outcome
from cadyq_cli.commands.batch_progress import BatchProgress

if TYPE_CHECKING:
    from cadyq_cli.visuals.bitmap import BitMap


@dataclass(frozen=True, kw_only=True)
class MapOutcome(Outcome):
    """What became of an image: its maps, one a network, if it was drawn."""

    maps: tuple[BitMap, ...] = ()


@dataclass
class MapProgress(BatchProgress):
    """The same for maps: every one is worth a line, and `numbers` prints all of it as JSON."""

    numbers: bool = False

    def tell(self, outcome: Outcome) -> None:
        super().tell(outcome)
        if self.numbers and isinstance(outcome, MapOutcome):
            for each in outcome.maps:
                typer.echo(each.to_json())

    def _describe(self, outcome: Outcome) -> None:
        named = "standard output" if str(outcome.job.target) == "-" else outcome.job.target
        if outcome.status == "skipped":
            if self.total == 1:
                typer.echo(f"{named}: exists already, skipped", err=True)
            return
        maps = outcome.maps if isinstance(outcome, MapOutcome) else ()
        averages = ", ".join(f"{each.average():.2f}" for each in maps)
        count = len(maps[0].rectangles)
        patches = f"{count} patches" if count > 1 else "1 patch (smaller ones: -t 48)"
        typer.echo(f"{named}: {averages} bits on average, {patches}", err=True)
        for note in outcome.notes:
            typer.echo(f"note: {outcome.job.source} {note}", err=True)
