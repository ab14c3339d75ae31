"""A weights file changed at random is refused in a line, or runs: never anything else."""

from __future__ import annotations

from pathlib import Path

import pytest
from fuzz.isolation import in_a_child, tally
from fuzz.mutants import File
from fuzz.weights import enlarge
from tiny_networks import tiny

from cadyq_cli.networks import save

EACH = 120


@pytest.mark.parametrize("backbone", ["span", "edsr", "idn"])
def test_no_mutant_ends_in_anything_but_a_result_or_a_line(backbone: str, tmp_path: Path) -> None:
    good, mutant = tmp_path / "good.safetensors", tmp_path / "mutant.safetensors"
    save(good, tiny(backbone, 2, layers={"edges": "static", "relative": True}), compact=True)
    file = File(good)

    enlarge(good)
    found = []
    for seed in range(EACH):
        mutant.write_bytes(file.mutant(seed))
        # There is no limit of memory, as torch has taken much already.
        found.append((seed, in_a_child(lambda: enlarge(mutant), memory=0)))
    counts = tally(found)
    assert counts.keys() <= {"done", "refused"}
    assert counts["done"] < counts["refused"], "mutants that change nothing find nothing"
