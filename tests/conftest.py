"""What every test may ask for, and what is left out where PyTorch is not installed."""

from __future__ import annotations

from collections.abc import Generator

import numpy as np
import pytest

from cadyq_cli.needing_torch import has_torch


@pytest.fixture
def rng() -> np.random.Generator:
    """Random numbers, the same in every run."""
    return np.random.default_rng(2022)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Skip, rather than fail, a test module that imports torch in a light install."""
    report = yield
    if report.failed and not has_torch() and "No module named 'torch'" in report.longreprtext:
        report.outcome = "skipped"
        report.longrepr = (str(collector.path), 0, "needs torch")
    return report
