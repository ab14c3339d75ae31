"""How small a site takes numbers to be at least, in PyTorch as in the engine."""

from __future__ import annotations

FAINTEST = 1e-6  # what a bound, or an image that bounds are multiples of, is at least
SMALLEST_INPUT = 0.01  # of a selector that looks at logarithms, as a share of the usual
