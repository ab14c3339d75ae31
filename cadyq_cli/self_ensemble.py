"""A network asked eight times: a patch turned and mirrored in every way, the answers averaged."""

from __future__ import annotations

import numpy as np

from cadyq_cli.engine.executor import Result
from cadyq_cli.engine.kernels import Map
from cadyq_cli.engine.operations import Chosen
from cadyq_cli.engine.runner import Runner

# Quarter turns and the step along rows. Views of one shape come together: it saves runners memory.
_ORIENTATIONS = [(turns, step) for turns in (0, 2, 1, 3) for step in (1, -1)]


class SelfEnsemble:
    """Gives the mean over the eight orientations of a patch, of the results and of the widths.

    It costs eight times as much. Scores and spreads are left out.

    Source: R. Timofte et al., "Seven ways to improve example-based single image super resolution",
    2016, section 2.4; results of EDSR's paper marked with a "+".
    """

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self.scale, self.threads = runner.scale, runner.threads
        self.candidates = runner.candidates

    def run(self, patch: Map) -> Result:
        """As every `Runner`; the gradient is that of the upright patch."""
        views = [
            self._runner.run(np.ascontiguousarray(np.rot90(patch, turns)[:, ::step]))
            for turns, step in _ORIENTATIONS
        ]
        upright = [
            np.rot90(view.pixels[:, ::step], -turns)
            for view, (turns, step) in zip(views, _ORIENTATIONS, strict=True)
        ]
        choices = {
            site: Chosen(float(np.mean([view.choices[site].bits for view in views])))
            for site in views[0].choices
        }
        return Result(np.mean(upright, axis=0), views[0].gradient, choices)
