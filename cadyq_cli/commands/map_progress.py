"""Reports how a batch of bit maps goes."""

from __future__ import annotations

from dataclasses import dataclass

import typer

from cadyq_cli.batch.drawing import MapOutcome
from cadyq_cli.batch.outcome import Outcome
from cadyq_cli.commands.batch_progress import BatchProgress
from cadyq_cli.commands.lines import tell
from cadyq_cli.imaging.streams import name_of


@dataclass
class MapProgress(BatchProgress):
    """The same for maps: each is worth a line, and `numbers` prints all that is in it as JSON."""

    numbers: bool = False

    def _print_data(self, outcome: Outcome) -> None:
        if self.numbers and isinstance(outcome, MapOutcome):
            for each in outcome.maps:
                typer.echo(each.to_json())

    def _describe(self, outcome: Outcome) -> None:
        named = name_of(outcome.job.target)
        if isinstance(outcome, MapOutcome):
            averages = ", ".join(f"{each.average():.2f}" for each in outcome.maps)
            count = len(outcome.maps[0].rectangles)
            patches = f"{count} patches" if count > 1 else "1 patch (smaller ones: -t 48)"
            tell(f"{named}: {averages} bits on average, {patches}")
            for note in outcome.notes:
                tell(f"note: {outcome.job.source} {self._said(note)}")
        elif self.total == 1:
            tell(f"{named}: exists already, skipped")
