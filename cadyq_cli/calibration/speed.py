"""How fast a calibrated network is on this machine."""

from __future__ import annotations

import time

import numpy as np

from cadyq_cli.engine.runner import Runner

SIDE = 256  # pixels of the patch that is timed
TIMES = 3


def megapixels_a_second(runner: Runner) -> float:
    """Of results, by one thread, the best of a few times."""
    patch = np.random.default_rng(0).random((SIDE, SIDE, 3), np.float32)
    seconds = []
    for _ in range(TIMES):
        began = time.perf_counter()
        runner.run(patch)
        seconds.append(time.perf_counter() - began)
    return float((SIDE * runner.scale) ** 2 / 1e6 / min(seconds))
