"""A picture changed at random is decoded or refused in a line: never anything else."""

from __future__ import annotations

import io

import pytest
from fuzz.isolation import in_a_child, tally
from fuzz.pictures import mutant, originals

from cadyq_cli.imaging.decoding import decode

COUNT = 200


@pytest.mark.filterwarnings("ignore")  # Pillow's, of what it passes over
def test_no_mutant_ends_in_anything_but_a_picture_or_a_line() -> None:
    files = originals()
    found = []
    for seed in range(COUNT):
        content = mutant(files[seed % len(files)], seed)
        verdict = in_a_child(lambda: decode(io.BytesIO(content), "it"), memory=0)  # noqa: B023
        found.append((seed, verdict))
    counts = tally(found)
    assert counts.keys() == {"done", "refused"}
