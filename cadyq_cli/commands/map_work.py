"""Draws the bit map of one image of a batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cadyq_cli.batch.outcome import Outcome
from cadyq_cli.imaging.formats import format_named

if TYPE_CHECKING:
    from cadyq_cli.batch.jobs import Job
    from cadyq_cli.upscaling import Tracker
    from cadyq_cli.visuals.bitmap import BitMap
    from cadyq_cli.visuals.drawing import Drawing


@dataclass(frozen=True, kw_only=True)
class MapOutcome(Outcome):
    """What became of an image that was drawn."""

    maps: tuple[BitMap, ...]  # one for each network


def draw(drawing: Drawing, job: Job, track: Tracker) -> MapOutcome:
    """Do a job; errors as for `Drawing`."""
    file_format = job.format or format_named("png")
    drawn = drawing(job.source, job.target, file_format, track)
    return MapOutcome(job=job, status="done", maps=drawn.maps, notes=drawn.notes)
