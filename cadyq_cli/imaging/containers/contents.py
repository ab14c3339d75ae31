"""What taking a picture file apart gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO

from cadyq_cli.imaging.containers.coded import Coded
from cadyq_cli.imaging.containers.statements import Statements

SEVERAL = "holds several pictures; the first one is used"


@dataclass(frozen=True, kw_only=True, slots=True)
class Contents:
    """A picture file taken apart."""

    pixels: BinaryIO  # the same picture as a file that says nothing else
    statements: Statements | None = None  # None where there is no parser for its kind
    coded: Coded | None = None  # pixels that Pillow does not read
    refusal: str | None = None  # why the pixels must not be taken for the picture, and what to do
