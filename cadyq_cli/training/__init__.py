"""From photographs to a network that chooses its widths: float, static 8 bit, dynamic."""
