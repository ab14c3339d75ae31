"""How a job went, for people and for programs."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from cadyq_cli.batch.jobs import Job
from cadyq_cli.errors import CadyqError

VERSION = 1  # of `Outcome.as_json`; grows when a key goes or changes its meaning


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What became of one image. Whatever the job did not get as far as is None."""

    job: Job
    status: Literal["done", "skipped", "failed"]
    seconds: float = 0.0  # that it took, reading and writing included
    input_size: tuple[int, int] | None = None  # height and width, px
    output_size: tuple[int, int] | None = None
    models: tuple[str, ...] = ()  # in the order in which they ran
    network_scale: int | None = None  # of all models together
    average_bits: float | None = None  # None for float networks, too
    plain_share: float | None = None  # of the pixels, for which no network was run
    notes: tuple[str, ...] = ()
    error: Exception | None = None

    @property
    def message(self) -> str:
        """The error in a line that names the image."""
        if self.error is None or isinstance(self.error, CadyqError):
            return str(self.error or "")
        cause = " ".join(f"{type(self.error).__name__}: {self.error}".split())
        return f"{self.job.source}: failed unexpectedly, {cause}"

    def as_json(self, said: Callable[[str], str] = str) -> str:
        """One line of ASCII, notes and message as `said` puts them, an object with these keys:

        version         1; another number means that keys went or changed their meaning
        input, output   paths as they were named or found; "-" is a stream
        status          "done", "skipped" (the output was there already) or "failed"
        input_size      [width, height] in pixels, standing upright, or null
        output_size     the same of the result, or null
        scale           output width over input width, or null
        models          names of the networks, in the order in which they ran, maybe []
        average_bits    mean width over patches and sites, or null (as for float networks)
        plain_share     share of the pixels, 0 to 1, that no network was run for, or null
        seconds         time it took, reading and writing included
        notes           what to know about how it was read or written, maybe []
        error           the message of a failure, or null
        """
        sizes = self.input_size, self.output_size
        entries: dict[str, Any] = {
            "version": VERSION,
            "input": str(self.job.source),
            "output": str(self.job.target),
            "status": self.status,
            "input_size": self.input_size and self.input_size[::-1],
            "output_size": self.output_size and self.output_size[::-1],
            "scale": round(sizes[1][1] / sizes[0][1], 4) if sizes[0] and sizes[1] else None,
            "models": self.models,
            "average_bits": self.average_bits,
            "plain_share": self.plain_share,
            "seconds": round(self.seconds, 3),
            "notes": [*map(said, self.notes)],
            "error": said(self.message) or None,
        }
        return json.dumps(entries)
