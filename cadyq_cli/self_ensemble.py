"""A network asked eight times: a patch turned and mirrored in every way, the answers averaged.

Source: R. Timofte et al., "Seven ways to improve example-based single image super resolution",
2016, section 2.4; results of EDSR's paper marked with a "+".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from cadyq_cli.engine.runner import Chosen, Map, Result


class Orientation(NamedTuple):
    """A way to look at a patch: turned by so many quarters, then mirrored (-1) or not (1)."""

    turns: int = 0
    mirror: int = 1

    def view(self, patch: Map) -> Map:
        """A patch (H, W, 3) as it looks from there."""
        return np.ascontiguousarray(np.rot90(patch, self.turns)[:, :: self.mirror])

    def upright(self, pixels: Map) -> Map:
        """What a view has become, turned back."""
        return np.rot90(pixels[:, :: self.mirror], -self.turns)


# Views of one shape come together, which saves runners memory.
EVERY_ORIENTATION = tuple(
    Orientation(turns, mirror) for turns in (0, 2, 1, 3) for mirror in (1, -1)
)


def mean_of(views: Sequence[Result]) -> Result:
    """The mean of the results of a patch's views, upright again, and of the widths.

    The gradient is that of the first view; scores and spreads are left out.
    """
    if len(views) == 1:
        return views[0]
    choices = {
        site: Chosen(float(np.mean([view.choices[site].bits for view in views])))
        for site in views[0].choices
    }
    pixels: Map = np.mean([view.pixels for view in views], axis=0)
    return Result(pixels, views[0].gradient, choices)
