"""The platforms of wheels, and what a processor is believed to do."""

from __future__ import annotations

from pathlib import Path

import pytest
from packaging.tags import sys_tags

from cadyq_cli.engine.native.library import function_table
from cadyq_cli.engine.native.platforms import PLATFORMS, this_platform

FLAGS = {  # as Linux calls what each instruction set needs
    "avx2": {"avx2", "fma"},
    "avxvnni": {"avx2", "fma", "avx_vnni"},
    "avx512vnni": {"avx2", "fma", "avx512f", "avx512dq", "avx512bw", "avx512vl", "avx512_vnni"},
}
PROCESSOR = Path("/proc/cpuinfo")


def test_pip_installs_the_wheel_of_this_platform() -> None:
    tag = f"py3-none-{PLATFORMS[this_platform()].tag}"
    assert tag in {str(known) for known in sys_tags()}


@pytest.mark.skipif(this_platform() != "linux-x86_64", reason="asks Linux about an x86 processor")
@pytest.mark.parametrize("isa", FLAGS)
def test_a_processor_runs_what_the_system_says_that_it_can(isa: str) -> None:
    lines = PROCESSOR.read_text().splitlines()
    flags = set(next(line for line in lines if line.startswith("flags")).split())
    assert (function_table(isa) is not None) == (FLAGS[isa] <= flags)
