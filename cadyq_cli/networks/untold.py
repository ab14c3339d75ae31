"""What a network does that its file does not tell, where another program saved it."""

from __future__ import annotations

from typing import NamedTuple


class Untold(NamedTuple):
    """What a user says of an EDSR of another program; None: what is usual at its size.

    It is for files that do not tell, and has no effect on others.
    """

    residual_scale: float | None = None  # what the result of each block is multiplied by
    pixel_range: float | None = None  # what the network reads white as, such as 1 or 255


USUAL = Untold()
