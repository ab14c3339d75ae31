"""The paper's method: grids, sites that choose a bit-width, and the trace of what they chose."""
